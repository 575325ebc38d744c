//! Finding, adding and changing tables and plain fields of a document, however they are written.

use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, TableLike, Value};

/// The tables of a policy.
pub(super) struct Tables<'d>(pub(super) &'d mut DocumentMut);

impl<'d> Tables<'d> {
    /// The table of `kind` that has this name.
    pub(super) fn find(&mut self, kind: &str, name: &str) -> Option<&mut dyn TableLike> {
        find(self.0, kind, "name", name)
    }

    /// The table of `kind` in which `field` is `value`.
    pub(super) fn find_by(&mut self, kind: &str, field: &str, value: &str) -> Option<&mut dyn TableLike> {
        find(self.0, kind, field, value)
    }

    /// The root's table, which a policy has.
    pub(super) fn root(&mut self) -> &mut dyn TableLike {
        if self.0.get("root").is_none_or(|item| !item.is_table_like()) {
            self.0.insert("root", Item::Table(Table::new()));
        }
        self.0["root"].as_table_like_mut().expect("a table was put there")
    }

    /// Adds the table that `text` gives, behind those of its kind or as the first.
    pub(super) fn push(&mut self, kind: &str, text: impl FnOnce(bool) -> String) {
        let Some(table) = parse(kind, &text(self.0.get(kind).is_none())) else { return };
        match self.0.get_mut(kind) {
            Some(Item::ArrayOfTables(tables)) => tables.push(table),
            Some(Item::Value(Value::Array(array))) => push_inline(array, table.into_inline_table()),
            _ => {
                let mut tables = ArrayOfTables::new();
                tables.push(table);
                self.0.insert(kind, Item::ArrayOfTables(tables));
            }
        }
    }

    /// Removes the table of `kind` that has this name; says whether there was one.
    pub(super) fn remove(&mut self, kind: &str, name: &str) -> bool {
        let (at, count) = match self.0.get_mut(kind) {
            Some(Item::ArrayOfTables(tables)) => {
                let at = tables.iter().position(|table| text(table, "name") == name);
                at.into_iter().for_each(|at| drop(tables.remove(at)));
                (at, tables.len())
            }
            Some(Item::Value(Value::Array(array))) => {
                let is = |value: &Value| value.as_inline_table().is_some_and(|table| text(table, "name") == name);
                let at = array.iter().position(is);
                at.into_iter().for_each(|at| drop(array.remove(at)));
                (at, array.len())
            }
            _ => (None, 1),
        };
        if count == 0 {
            self.0.remove(kind);
        }
        at.is_some()
    }

    /// Whether somebody wrote a comment to the table of `kind` that has this name.
    pub(super) fn has_comment(&mut self, kind: &str, name: &str) -> bool {
        let Some(Item::ArrayOfTables(tables)) = self.0.get(kind) else { return false };
        let table = tables.iter().find(|table| text(*table, "name") == name);
        table.is_some_and(|table| {
            let above = table.decor().prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default();
            let own = super::write::ABOUT_TENTS;
            format!("{}{table}", above.replace(own, "")).contains('#')
        })
    }
}

/// The table of `kind` in which `field` is `value`.
pub(super) fn find<'d>(
    document: &'d mut DocumentMut,
    kind: &str,
    field: &str,
    value: &str,
) -> Option<&'d mut dyn TableLike> {
    match document.get_mut(kind)? {
        Item::ArrayOfTables(tables) => {
            tables.iter_mut().find(|table| text(*table, field) == value).map(|table| table as &mut dyn TableLike)
        }
        Item::Value(Value::Array(array)) => {
            let tables = array.iter_mut().filter_map(Value::as_inline_table_mut);
            tables.into_iter().find(|table| text(*table, field) == value).map(|table| table as &mut dyn TableLike)
        }
        _ => None,
    }
}

/// The table that `text` is, without its place.
fn parse(kind: &str, text: &str) -> Option<Table> {
    let mut document: DocumentMut = text.parse().ok()?;
    let mut table = document.remove(kind)?.into_array_of_tables().ok()?.iter().next()?.clone();
    table.set_position(None);
    Some(table)
}

fn push_inline(array: &mut Array, mut table: InlineTable) {
    table.decor_mut().clear();
    array.push(table);
}

/// The text of a field; empty if it has none.
pub(super) fn text<'t>(table: &'t (impl TableLike + ?Sized), field: &str) -> &'t str {
    table.get(field).and_then(Item::as_str).unwrap_or_default()
}

/// Gives a field its value and leaves the comment behind it; says whether it was another.
pub(super) fn set(table: &mut (impl TableLike + ?Sized), field: &str, value: impl Into<Value>) -> bool {
    let mut value = value.into();
    match table.get_mut(field).and_then(Item::as_value_mut) {
        Some(old) if is_same(old, &value) => false,
        Some(old) => {
            *value.decor_mut() = old.decor().clone();
            *old = value;
            true
        }
        None => {
            table.insert(field, Item::Value(value));
            true
        }
    }
}

/// Gives a field its value; one that is new stands behind the field `first`.
pub(super) fn set_behind(table: &mut Table, first: &str, field: &str, value: impl Into<Value>) {
    let is_new = table.get(field).is_none();
    set(table, field, value);
    if is_new {
        let fields: Vec<_> = table.iter().map(|(name, _)| name.to_owned()).filter(|name| name != field).collect();
        let rank = |name: &str| match fields.iter().position(|known| known == if name == field { first } else { name })
        {
            Some(at) => 2 * at + usize::from(name == field),
            None => usize::MAX,
        };
        table.sort_values_by(|a, _, b, _| rank(a.get()).cmp(&rank(b.get())));
    }
}

/// Gives a field its value, or takes it away if that is what its absence says.
pub(super) fn set_unless(
    table: &mut (impl TableLike + ?Sized),
    field: &str,
    value: impl Into<Value>,
    is_default: bool,
) -> bool {
    let value = value.into();
    match (is_default, table.get(field).and_then(Item::as_value)) {
        (true, None) => false,
        // Whoever wrote the default down finds it there again.
        (true, Some(old)) if is_same(old, &value) => false,
        (true, Some(_)) => table.remove(field).is_some(),
        (false, _) => set(table, field, value),
    }
}

/// Gives a field its value, or takes it away.
pub(super) fn set_choice(table: &mut (impl TableLike + ?Sized), field: &str, value: Option<impl Into<Value>>) -> bool {
    match value {
        Some(value) => set(table, field, value),
        None => table.remove(field).is_some(),
    }
}

/// Spaces an inline table like a new one, as what was added to it stands behind the space before its brace.
pub(super) fn tidy(item: Option<&mut Item>) {
    if let Some(Item::Value(Value::InlineTable(table))) = item {
        table.fmt();
    }
}

fn is_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::String(a), Value::String(b)) => a.value() == b.value(),
        (Value::Integer(a), Value::Integer(b)) => a.value() == b.value(),
        (Value::Boolean(a), Value::Boolean(b)) => a.value() == b.value(),
        _ => false,
    }
}
