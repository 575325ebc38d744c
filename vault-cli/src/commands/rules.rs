//! A tent's content rules in words.

use crate::text::{bytes, printable};
use gapvault_core::formats::names::TentName;
use gapvault_core::formats::policy::ContentRules;
use gapvault_core::vault::Vault;

/// What the rules say.
pub(super) fn content(rules: &ContentRules) -> String {
    let join = |formats: &[_]| formats.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let ContentRules { allowed, forbidden, pickle, file_bytes, bundle_bytes } = rules;
    let mut parts = vec![match allowed {
        Some(allowed) => format!("only {}", join(allowed)),
        None => "any format".to_owned(),
    }];
    if !forbidden.is_empty() {
        parts.push(format!("never {}", join(forbidden)));
    }
    parts.push(if *pickle { "pickles allowed" } else { "no pickles" }.to_owned());
    parts.extend(file_bytes.map(|most| format!("files of at most {}", bytes(most))));
    parts.extend(bundle_bytes.map(|most| format!("at most {} in all", bytes(most))));
    printable(&parts.join("; "))
}

/// A line that says which rules files are held to later, where content is not looked into yet; none where the tent has
/// no rules, or where this site checks nothing out.
pub(super) fn at_checkout(vault: &Vault, tent: &TentName) -> String {
    let free = ContentRules { pickle: true, ..ContentRules::default() };
    match vault.policy().tent(tent) {
        Some(tent) if tent.content != free && !tent.auditors.contains(&vault.card().site) => {
            format!("  content  is held to the rules of tent {} at checkout: {}\n", tent.name, content(&tent.content))
        }
        _ => String::new(),
    }
}
