//! What a card brings into a policy: the first of a vault, a site, a role.

use super::{Person, Policy, Root, Site};
use crate::card::Card;
use crate::sshsig::Touch;
use serde::Serialize;
use std::fmt;

/// What a card is trusted with, in one tent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Grant {
    /// The site reads content.
    Member,
    /// The site reads catalogues.
    Auditor,
    /// The person's bundles are accepted.
    Exporter,
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Member => "member",
            Self::Auditor => "auditor",
            Self::Exporter => "exporter",
        })
    }
}

impl Policy {
    /// The first policy of a vault: its own site and person are known, nothing is allowed.
    #[must_use]
    pub fn first(own: &Card) -> Self {
        Self {
            format: crate::FORMAT,
            epoch: 1,
            time: None,
            previous: None,
            reset_clock: false,
            root: Root { threshold: 1, persons: vec![own.person.clone()], signatures: Touch::Any },
            persons: vec![Person { name: own.person.clone(), organisation: None, keys: vec![own.key.clone()] }],
            sites: vec![Site::of_card(own)],
            tents: Vec::new(),
            revocations: Vec::new(),
        }
    }
}

impl Site {
    /// As its card says. The card's person works there.
    #[must_use]
    pub fn of_card(card: &Card) -> Self {
        Self {
            name: card.site.clone(),
            persons: vec![card.person.clone()],
            card: card.fingerprint(),
            card_person: card.person.clone(),
            card_key: card.key.clone(),
            recipient: card.recipient.clone(),
            recipient_pq: card.recipient_pq.clone(),
            label_key: card.label_key.clone(),
        }
    }
}
