//! Changes of a policy that has no text of its own.

use super::{Person, Policy, Root, Site, Tent};
use crate::card::Card;
use crate::names::TentName;
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
        let mut policy = Self {
            format: crate::FORMAT,
            epoch: 1,
            time: None,
            reset_clock: false,
            root: Root { threshold: 1, persons: vec![own.person.clone()], signatures: Touch::Any },
            persons: Vec::new(),
            sites: Vec::new(),
            tents: Vec::new(),
            revocations: Vec::new(),
        };
        policy.know(own);
        policy
    }

    /// Trusts `card` with `grant` in `tent`, which is begun if need be; `false` if that stood there already.
    ///
    /// A card that contradicts a known one (same name, other keys) is refused by [`Policy::to_text`].
    pub fn grant(&mut self, card: &Card, tent: &TentName, grant: Grant) -> bool {
        let known = self.know(card);
        let at = self.tents.iter().position(|t| t.name == *tent).unwrap_or_else(|| {
            self.tents.push(Tent::new(tent.clone()));
            self.tents.len() - 1
        });
        let tent = &mut self.tents[at];
        let granted = match grant {
            Grant::Member => add(&mut tent.members, &card.site),
            Grant::Auditor => add(&mut tent.auditors, &card.site),
            Grant::Exporter => add(&mut tent.exporters, &card.person),
        };
        known || granted
    }

    /// Takes `grant` in `tent` from the site or, for exporters, the person called `name`; `false` if it was not given.
    ///
    /// A tent that nobody has a role in any more and that has no rules goes; sites and persons stay known, as past
    /// bundles name them.
    pub fn withdraw(&mut self, name: &str, tent: &TentName, grant: Grant) -> bool {
        let Some(at) = self.tents.iter().position(|t| t.name == *tent) else { return false };
        let found = &mut self.tents[at];
        let withdrawn = match grant {
            Grant::Member => remove(&mut found.members, |site| site.as_str() == name),
            Grant::Auditor => remove(&mut found.auditors, |site| site.as_str() == name),
            Grant::Exporter => remove(&mut found.exporters, |person| person.as_str() == name),
        };
        if *found == Tent::new(tent.clone()) {
            self.tents.remove(at);
        }
        withdrawn
    }

    fn know(&mut self, card: &Card) -> bool {
        // Persons may come to have several keys, so theirs is known when it is one of them.
        let person_is_new = !self.persons.iter().any(|p| p.name == card.person && p.keys.contains(&card.key));
        if person_is_new {
            let keys = vec![card.key.clone()];
            self.persons.push(Person { name: card.person.clone(), organisation: None, keys });
        }
        // More persons may have come to work there since.
        let fingerprint = card.fingerprint();
        let site_is_new = !self.sites.iter().any(|known| known.name == card.site && known.card == fingerprint);
        if site_is_new {
            self.sites.push(Site::of_card(card));
        }
        site_is_new || person_is_new
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
            recipient: card.recipient.clone(),
            recipient_pq: card.recipient_pq.clone(),
            label_key: card.label_key.clone(),
        }
    }
}

/// Adds what is not there; says whether it did.
fn add<T: Clone + PartialEq>(list: &mut Vec<T>, item: &T) -> bool {
    let new = !list.contains(item);
    if new {
        list.push(item.clone());
    }
    new
}

/// Removes what `is` picks; says whether there was any.
fn remove<T>(list: &mut Vec<T>, is: impl Fn(&T) -> bool) -> bool {
    let before = list.len();
    list.retain(|item| !is(item));
    list.len() < before
}

#[cfg(test)]
mod tests {
    use super::super::*;
    use crate::agefile::{Identity, Suite};
    use crate::card::Card;
    use crate::sshsig::SigningKey;

    fn card(name: &str) -> Card {
        Card {
            site: name.parse().unwrap(),
            person: name.parse().unwrap(),
            key: SigningKey::generate().unwrap().public().unwrap(),
            recipient: Identity::generate().recipient(),
            recipient_pq: Identity::generate_for(Suite::PostQuantum).recipient(),
            label_key: LabelKey::from_bytes([name.len() as u8; 32]),
        }
    }

    #[test]
    fn grants_add_up_and_contradictions_are_refused() {
        let (own, far, tent) = (card("lab"), card("cluster"), "aurora".parse().unwrap());
        let mut policy = Policy::first(&own);
        assert!(policy.grant(&far, &tent, Grant::Member));
        assert!(!policy.grant(&far, &tent, Grant::Member), "a second time changes nothing");
        let text = policy.to_text().unwrap();
        assert_eq!(Policy::parse(text.as_bytes()).unwrap(), policy);

        let mut both = policy.clone();
        both.grant(&far, &tent, Grant::Auditor);
        assert_eq!(
            both.to_text().unwrap_err().to_string(),
            "the policy is refused: tent aurora: cluster is both member and auditor"
        );
        let mut swapped = policy.clone();
        swapped.grant(&card("cluster"), &tent, Grant::Member);
        assert!(swapped.to_text().unwrap_err().to_string().contains("two persons are named cluster"));
    }

    #[test]
    fn what_was_granted_can_be_withdrawn_and_rules_stay() {
        let (own, far, tent) = (card("lab"), card("cluster"), "aurora".parse().unwrap());
        let mut policy = Policy::first(&own);
        policy.grant(&far, &tent, Grant::Member);
        policy.grant(&far, &tent, Grant::Exporter);
        assert!(!policy.withdraw("cluster", &tent, Grant::Auditor));
        assert!(policy.withdraw("cluster", &tent, Grant::Member));
        assert!(!policy.withdraw("cluster", &tent, Grant::Member), "a second time changes nothing");
        let mut ruled = policy.clone();
        ruled.tents[0].valid_days = Some(30);
        assert!(policy.withdraw("cluster", &tent, Grant::Exporter));
        assert_eq!(policy.tents, [], "an empty tent goes");
        assert!(policy.to_text().is_ok());
        assert!(ruled.withdraw("cluster", &tent, Grant::Exporter));
        assert_eq!(ruled.tents.len(), 1, "but not with its rules");
    }
}
