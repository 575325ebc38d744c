//! Changes of a tent.

use super::{Draft, EditError, Role, lists, tables};
use crate::card::Card;
use crate::names::{SiteName, TentName};
use crate::policy::{Approvals, ContentRules, Grant, Tent, write};
use crate::sshsig::Touch;
use toml_edit::{InlineTable, Item, Table, TableLike, Value};

impl Draft {
    /// Begins a tent that nobody may do anything in; `false` if there is one of this name.
    pub fn begin_tent(&mut self, tent: &TentName) -> bool {
        let is_new = self.tables().find("tent", tent.as_str()).is_none();
        if is_new {
            self.tables().push("tent", |is_first| write::tent(&Tent::new(tent.clone()), is_first));
        }
        is_new
    }

    /// Takes a tent away with all its rules; `false` if there is none of this name.
    pub fn end_tent(&mut self, tent: &TentName) -> bool {
        self.tables().remove("tent", tent.as_str())
    }

    /// Makes a card known and gives it a role in a tent, which is begun if need be.
    pub fn trust(&mut self, card: &Card, tent: &TentName, grant: Grant) -> Result<bool, EditError> {
        let known = self.know(card)?;
        let begun = self.begin_tent(tent);
        let granted = self.grant(tent, &Role::of_card(card, grant))?;
        Ok(known || begun || granted)
    }

    /// Gives a role. The first approver of a tent brings approvals into it: one of one, not the exporter.
    pub fn grant(&mut self, tent: &TentName, role: &Role) -> Result<bool, EditError> {
        match role {
            Role::Member(site) | Role::Auditor(site) => self.need_site(site)?,
            Role::Exporter(person) | Role::Approver(person) => self.need_person(person)?,
        }
        let found = self.tent(tent)?;
        if let Role::Approver(person) = role
            && found.get("approvals").is_none()
        {
            let approvals = Approvals { k: 1, of: vec![person.clone()], not_exporter: true };
            return Ok(put_approvals(found, Some(&approvals)));
        }
        Ok(role.list(found).is_some_and(|(table, field)| lists::add(table, field, role.name())))
    }

    /// Takes a role; `false` if it was not given.
    ///
    /// The last approver leaves an empty list, which the rules refuse: that nobody need approve any more has to be said
    /// with [`Draft::set_approvals`]. The last role leaves the tent with its rules; without any, and without a comment,
    /// it goes.
    pub fn withdraw(&mut self, tent: &TentName, role: &Role) -> Result<bool, EditError> {
        let found = self.tent(tent)?;
        let withdrawn = role.list(found).is_some_and(|(table, field)| lists::remove(table, field, role.name()));
        let bare = ["members", "auditors", "exporters"].iter().all(|field| lists::is_empty(found, field));
        if withdrawn && bare && found.len() == 4 && !self.tables().has_comment("tent", tent.as_str()) {
            self.end_tent(tent);
        }
        Ok(withdrawn)
    }

    /// Says which members content may go to; `None` for all of them.
    pub fn set_destinations(&mut self, tent: &TentName, sites: Option<&[SiteName]>) -> Result<bool, EditError> {
        sites.unwrap_or_default().iter().try_for_each(|site| self.need_site(site))?;
        let found = self.tent(tent)?;
        Ok(match sites {
            Some(sites) => lists::set(found, "destinations", sites),
            None => found.remove("destinations").is_some(),
        })
    }

    /// Says who must approve; `None` if nobody need.
    pub fn set_approvals(&mut self, tent: &TentName, approvals: Option<&Approvals>) -> Result<bool, EditError> {
        let of = approvals.map_or(&[][..], |approvals| &approvals.of);
        of.iter().try_for_each(|person| self.need_person(person))?;
        Ok(put_approvals(self.tent(tent)?, approvals))
    }

    /// Says what the keys of exporters and approvers must show.
    pub fn set_signatures(&mut self, tent: &TentName, touch: Touch) -> Result<bool, EditError> {
        Ok(tables::set_unless(self.tent(tent)?, "signatures", touch.to_string(), touch == Touch::Any))
    }

    /// Says how long bundles may be valid, in days; `None` for any time.
    pub fn set_valid_days(&mut self, tent: &TentName, days: Option<u32>) -> Result<bool, EditError> {
        Ok(tables::set_choice(self.tent(tent)?, "valid_days", days.map(i64::from)))
    }

    /// Says whether bundles must be sealed post-quantum.
    pub fn set_post_quantum(&mut self, tent: &TentName, is: bool) -> Result<bool, EditError> {
        Ok(tables::set_unless(self.tent(tent)?, "post_quantum", is, !is))
    }

    /// Says what files may be.
    pub fn set_content(&mut self, tent: &TentName, rules: &ContentRules) -> Result<bool, EditError> {
        let found = self.tent(tent)?;
        if *rules == ContentRules::default() {
            return Ok(found.remove("content").is_some());
        }
        if found.get("content").is_none() {
            found.insert("content", Item::Table(Table::new()));
        }
        let Some(content) = found.get_mut("content").and_then(Item::as_table_like_mut) else { return Ok(false) };
        let ContentRules { allowed, forbidden, pickle, file_bytes, bundle_bytes } = rules;
        let mut changed = match allowed {
            Some(allowed) => lists::set(content, "allowed", allowed),
            None => content.remove("allowed").is_some(),
        };
        changed |= match forbidden.is_empty() {
            true => content.remove("forbidden").is_some(),
            false => lists::set(content, "forbidden", forbidden),
        };
        changed |= tables::set_unless(content, "pickle", *pickle, !*pickle);
        for (field, bytes) in [("file_bytes", file_bytes), ("bundle_bytes", bundle_bytes)] {
            let bytes = bytes.map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
            changed |= tables::set_choice(content, field, bytes);
        }
        if changed {
            tables::tidy(found.get_mut("content"));
        }
        Ok(changed)
    }

    fn tent(&mut self, tent: &TentName) -> Result<&mut dyn TableLike, EditError> {
        let no_tent = || EditError::NoTent { tent: tent.clone() };
        super::tables::find(&mut self.document, "tent", "name", tent.as_str()).ok_or_else(no_tent)
    }
}

impl Role {
    /// What a card gets by `grant`.
    #[must_use]
    pub fn of_card(card: &Card, grant: Grant) -> Self {
        match grant {
            Grant::Member => Self::Member(card.site.clone()),
            Grant::Auditor => Self::Auditor(card.site.clone()),
            Grant::Exporter => Self::Exporter(card.person.clone()),
        }
    }

    /// Whose it is.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Member(site) | Self::Auditor(site) => site.as_str(),
            Self::Exporter(person) | Self::Approver(person) => person.as_str(),
        }
    }

    /// Where it stands: in which table, as which field.
    fn list<'t>(&self, tent: &'t mut dyn TableLike) -> Option<(&'t mut dyn TableLike, &'static str)> {
        Some(match self {
            Self::Member(_) => (tent, "members"),
            Self::Auditor(_) => (tent, "auditors"),
            Self::Exporter(_) => (tent, "exporters"),
            Self::Approver(_) => (tent.get_mut("approvals")?.as_table_like_mut()?, "of"),
        })
    }
}

fn put_approvals(tent: &mut dyn TableLike, approvals: Option<&Approvals>) -> bool {
    let Some(Approvals { k, of, not_exporter }) = approvals else { return tent.remove("approvals").is_some() };
    if tent.get("approvals").is_none() {
        tent.insert("approvals", Item::Value(Value::InlineTable(InlineTable::new())));
    }
    let Some(table) = tent.get_mut("approvals").and_then(Item::as_table_like_mut) else { return false };
    let mut changed = tables::set(table, "k", i64::from(*k));
    changed |= lists::set(table, "of", of);
    changed |= tables::set_unless(table, "not_exporter", *not_exporter, *not_exporter);
    if changed {
        tables::tidy(tent.get_mut("approvals"));
    }
    changed
}
