//! Lists of names and keys: what is added or removed keeps to the lines and comments around it.

use crate::policy::write::WIDTH;
use std::fmt::Display;
use toml_edit::{Array, Item, RawString, TableLike, Value};

/// Whether the list has it.
pub(super) fn has(table: &dyn TableLike, field: &str, name: &str) -> bool {
    array(table, field).is_some_and(|array| position(array, name).is_some())
}

/// Whether the list has nothing, or is not there.
pub(super) fn is_empty(table: &dyn TableLike, field: &str) -> bool {
    array(table, field).is_none_or(Array::is_empty)
}

/// Adds to a list or removes from it; says whether that changed it.
pub(super) fn put(table: &mut dyn TableLike, field: &str, name: &str, is: bool) -> bool {
    if is { add(table, field, name) } else { remove(table, field, name) }
}

/// Makes a list of these names: what it has of them stays where it is.
pub(super) fn set(table: &mut dyn TableLike, field: &str, names: &[impl Display]) -> bool {
    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
    let old: Vec<_> = array(table, field).into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    let mut changed = ensure(table, field);
    for name in old.iter().filter(|old| !names.contains(old)) {
        changed |= remove(table, field, name);
    }
    for name in &names {
        changed |= add(table, field, name);
    }
    changed
}

/// Adds a name at the end; `false` if it is there.
pub(super) fn add(table: &mut dyn TableLike, field: &str, name: &str) -> bool {
    ensure(table, field);
    let Some(array) = table.get_mut(field).and_then(Item::as_array_mut) else { return false };
    if position(array, name).is_some() {
        return false;
    }
    let behind_last = behind_last(array);
    let mut value = Value::from(name);
    if behind_last.contains('\n') {
        let indent = array.iter().last().map_or("  ".to_owned(), |last| indent(prefix(last)));
        value.decor_mut().set_prefix(format!("{behind_last}{indent}"));
        array.push_formatted(value);
        array.set_trailing("\n");
        array.set_trailing_comma(true);
    } else {
        array.push(value);
        if array.trailing_comma() {
            array.set_trailing(behind_last);
        } else if let Some(last) = array.iter_mut().last() {
            last.decor_mut().set_suffix(behind_last);
        }
        if field.len() + array.to_string().chars().count() > WIDTH {
            one_a_line(array);
        }
    }
    true
}

/// Removes a name, with what is said about it on its line and above; `false` if it is not there.
pub(super) fn remove(table: &mut dyn TableLike, field: &str, name: &str) -> bool {
    let Some(array) = table.get_mut(field).and_then(Item::as_array_mut) else { return false };
    let Some(at) = position(array, name) else { return false };
    if at + 1 == array.len() {
        let behind = behind_last(array);
        let removed = array.remove(at);
        array.set_trailing(join(prefix(&removed), &behind, at == 0));
        array.set_trailing_comma(!array.is_empty() && behind.contains('\n'));
    } else {
        let removed = array.remove(at);
        if let Some(next) = array.get_mut(at) {
            let joined = join(prefix(&removed), prefix(next), at == 0);
            next.decor_mut().set_prefix(joined);
        }
    }
    true
}

/// What stands between two values when what was between them goes: `own` stood before it, `next` behind it. The rest of
/// the line that `own` begins with is about the value before; that of `next` is about what goes.
fn join(own: &str, next: &str, is_first: bool) -> String {
    match (own.find('\n'), next.find('\n')) {
        (Some(_), None) => own.to_owned(),
        (_, Some(at)) => format!("{}{}", own.split('\n').next().unwrap_or_default(), &next[at..]),
        (None, None) if is_first => own.to_owned(),
        (None, None) => next.to_owned(),
    }
}

/// What stands behind the last value: to its comma and to the end of the list. It is taken from there.
fn behind_last(array: &mut Array) -> String {
    let last = array.len().checked_sub(1).and_then(|at| array.get_mut(at));
    let suffix = last.map(|last| {
        let suffix = raw(last.decor().suffix()).to_owned();
        last.decor_mut().set_suffix("");
        suffix
    });
    format!("{}{}", suffix.unwrap_or_default(), raw(Some(array.trailing())))
}

fn one_a_line(array: &mut Array) {
    for value in array.iter_mut() {
        value.decor_mut().set_prefix("\n  ");
        value.decor_mut().set_suffix("");
    }
    array.set_trailing("\n");
    array.set_trailing_comma(true);
}

/// The spaces that a value on a line of its own stands behind.
fn indent(prefix: &str) -> String {
    match prefix.rsplit_once('\n') {
        Some((_, indent)) => indent.to_owned(),
        None => "  ".to_owned(),
    }
}

fn ensure(table: &mut dyn TableLike, field: &str) -> bool {
    let missing = table.get(field).is_none();
    if missing {
        table.insert(field, Item::Value(Value::Array(Array::new())));
    }
    missing
}

fn array<'t>(table: &'t dyn TableLike, field: &str) -> Option<&'t Array> {
    table.get(field).and_then(Item::as_array)
}

fn position(array: &Array, name: &str) -> Option<usize> {
    array.iter().position(|value| value.as_str() == Some(name))
}

fn prefix(value: &Value) -> &str {
    raw(value.decor().prefix())
}

fn raw(text: Option<&RawString>) -> &str {
    text.and_then(RawString::as_str).unwrap_or_default()
}
