//! What must be a table in a policy is one. serde takes the fields of a table from an array too, in their order, which
//! nobody who reads the text can see, and a word from a table of that name.

use super::place::get;
use super::{Place, PolicyError};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Refuses a text with another value in the place of a table or of a word. What is no TOML is left to its reader.
pub(super) fn check(text: &str) -> Result<(), PolicyError> {
    let Ok(whole) = DeTable::parse(text) else { return Ok(()) };
    let whole = whole.get_ref();
    if let Some(value) = whole.iter().find_map(|(_, value)| beyond(value)) {
        let place = Place::of_offset(text, value.span().start);
        return Err(PolicyError::Malformed { place, fault: "an integer of over 64 bits with its sign".to_owned() });
    }
    let odd = odd_root(whole).or_else(|| odd_list(whole)).or_else(|| odd_tent(whole));
    odd.map_or(Ok(()), |(value, expected)| {
        let place = Place::of_offset(text, value.span().start);
        let fault = format!("expected {expected}, found {}", name(value.get_ref()));
        Err(PolicyError::Malformed { place, fault })
    })
}

type Value<'t> = Spanned<DeValue<'t>>;
/// A value that is something else, and what it should be.
type Odd<'a, 't> = (&'a Value<'t>, &'static str);

/// An integer that TOML has no room for. serde takes it where a field is wide enough, what edits the text does not.
fn beyond<'a, 't>(value: &'a Value<'t>) -> Option<&'a Value<'t>> {
    match value.get_ref() {
        DeValue::Integer(n) => i64::from_str_radix(n.as_str(), n.radix()).is_err().then_some(value),
        DeValue::Array(items) => items.iter().find_map(beyond),
        DeValue::Table(table) => table.iter().find_map(|(_, value)| beyond(value)),
        _ => None,
    }
}

fn odd_root<'a, 't>(whole: &'a DeTable<'t>) -> Option<Odd<'a, 't>> {
    let root = get(whole, "root")?;
    no_table(root).or_else(|| no_word(root, "signatures"))
}

fn odd_list<'a, 't>(whole: &'a DeTable<'t>) -> Option<Odd<'a, 't>> {
    ["person", "site", "tent", "revocation"].iter().flat_map(|list| items(whole, list)).find_map(no_table)
}

fn odd_tent<'a, 't>(whole: &'a DeTable<'t>) -> Option<Odd<'a, 't>> {
    items(whole, "tent").iter().find_map(|tent| {
        let rules = tent.get_ref().as_table()?;
        let tables = ["approvals", "content"].iter().filter_map(|rule| get(rules, rule));
        tables.into_iter().find_map(no_table).or_else(|| no_word(tent, "signatures"))
    })
}

fn items<'a, 't>(whole: &'a DeTable<'t>, list: &str) -> &'a [Value<'t>] {
    match get(whole, list).map(Spanned::get_ref) {
        Some(DeValue::Array(items)) => items,
        _ => &[],
    }
}

fn no_table<'a, 't>(value: &'a Value<'t>) -> Option<Odd<'a, 't>> {
    (!value.get_ref().is_table()).then_some((value, "a table"))
}

fn no_word<'a, 't>(table: &'a Value<'t>, field: &str) -> Option<Odd<'a, 't>> {
    let value = get(table.get_ref().as_table()?, field)?;
    (!value.get_ref().is_str()).then_some((value, "a string"))
}

fn name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}
