//! Where in a policy something stands: as fields and numbers, and as line and column of its text.

use std::fmt;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

impl Place {
    /// Of a field of the policy itself in its text; of the beginning if it has none.
    #[must_use]
    pub fn of_field(text: &str, field: &'static str) -> Self {
        let place = Places::of(text).map(|places| places.find(&Spot::top(field)));
        place.unwrap_or(Self { line: 1, column: 1 })
    }

    /// Of the byte at `offset`; of the end if the text is shorter.
    pub(super) fn of_offset(text: &str, offset: usize) -> Self {
        let end = (0..=offset.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
        let before = &text[..end];
        let line = before.rsplit('\n').next().unwrap_or_default();
        Self { line: before.matches('\n').count() + 1, column: line.chars().count() + 1 }
    }
}

/// A way from the whole policy to a part of it. Policies that are built in code have these only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Spot(Vec<Step>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Field(&'static str),
    Item(usize),
}

impl Spot {
    /// A field of the policy itself.
    pub(super) fn top(field: &'static str) -> Self {
        Self::default().field(field)
    }

    /// A field of the table that this is.
    pub(super) fn field(&self, field: &'static str) -> Self {
        self.then(Step::Field(field))
    }

    /// An item of the list that this is, from 0.
    pub(super) fn item(&self, number: usize) -> Self {
        self.then(Step::Item(number))
    }

    fn then(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }
}

/// The places of a text that is a policy.
pub(super) struct Places<'t> {
    text: &'t str,
    whole: DeTable<'t>,
}

impl<'t> Places<'t> {
    /// `None` if the text is no TOML.
    pub(super) fn of(text: &'t str) -> Option<Self> {
        let whole = DeTable::parse(text).ok()?.into_inner();
        Some(Self { text, whole })
    }

    /// Where `spot` stands, or the nearest thing around it that does.
    pub(super) fn find(&self, spot: &Spot) -> Place {
        let offset = self.span(&spot.0).map_or(0, |span| span.start);
        Place::of_offset(self.text, offset)
    }

    fn span(&self, steps: &[Step]) -> Option<Range<usize>> {
        let (Step::Field(first), rest) = steps.split_first()? else { return None };
        let mut at = get(&self.whole, first)?;
        for step in rest {
            let next = match (step, at.get_ref()) {
                (Step::Field(field), DeValue::Table(table)) => get(table, field),
                (Step::Item(number), DeValue::Array(array)) => array.get(*number),
                _ => None,
            };
            let Some(next) = next else { break };
            at = next;
        }
        Some(at.span())
    }
}

pub(super) fn get<'a, 't>(table: &'a DeTable<'t>, field: &str) -> Option<&'a Spanned<DeValue<'t>>> {
    table.iter().find(|(key, _)| key.get_ref() == field).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_however_they_are_written() {
        let text = "epoch = 1\nroot.persons = [\n  \"ä\", \"b\",\n]\n[[tent]]\nname = \"x\"\n\n[[tent]]\nname = \"y\"\n\
                    [tent.approvals]\nk = 2\n";
        let places = Places::of(text).unwrap();
        let at = |spot: &Spot| {
            let Place { line, column } = places.find(spot);
            (line, column)
        };
        assert_eq!(at(&Spot::top("epoch")), (1, 9));
        assert_eq!(at(&Spot::top("root").field("persons").item(1)), (3, 8));
        let tent = Spot::top("tent").item(1);
        assert_eq!(at(&tent.field("name")), (9, 8));
        assert_eq!(at(&tent.field("approvals").field("k")), (11, 5));
        assert_eq!(at(&tent.field("approvals").field("of")), (10, 1), "what is left out is missed in its table");
        assert_eq!(at(&tent.field("exporters")), (8, 1));
        assert_eq!(at(&Spot::top("site")), (1, 1));
        let inline = Places::of("tent = [{ name = \"x\" }, { name = \"y\" }]").unwrap();
        assert_eq!(inline.find(&tent.field("name")), Place { line: 1, column: 34 });
    }
}
