//! Lists of a policy's text: what is added or removed keeps to the lines around it.

use crate::samples::{commented, parse, person};
use gapvault_formats::content::Format;
use gapvault_formats::policy::edit::Draft;

/// The root's list, written like `list`, with dora in it or without ana, ben or chris.
fn changed(list: &str, who: &str, is: bool) -> String {
    let text = commented();
    let old = text.split("persons = ").nth(1).unwrap().split("\n\n").next().unwrap();
    let text = text.replacen(old, list, 1).replace("threshold = 2", "threshold = 1");
    parse(&text);
    let mut draft = Draft::open(&text).unwrap();
    assert!(draft.root(&person(who), is).unwrap(), "{text}");
    let new = draft.text();
    parse(&new);
    new.split("persons = ").nth(1).unwrap().split("\n\n# --- people").next().unwrap().to_owned()
}

#[test]
fn a_name_is_added_as_the_others_stand() {
    for (list, with_dora) in [
        (r#"["ana"]"#, r#"["ana", "dora"]"#),
        (r#"[ "ana" ]"#, r#"[ "ana", "dora" ]"#),
        (r#"["ana",]"#, r#"["ana", "dora",]"#),
        ("[\n  \"ana\",\n]", "[\n  \"ana\",\n  \"dora\",\n]"),
        ("[\n  \"ana\"\n]", "[\n  \"ana\",\n  \"dora\",\n]"),
        ("[\n\t\"ana\", # lab\n]", "[\n\t\"ana\", # lab\n\t\"dora\",\n]"),
        ("[\n  \"ana\" # lab\n]", "[\n  \"ana\", # lab\n  \"dora\",\n]"),
        ("[\n  \"ana\", \"ben\"\n]", "[\n  \"ana\", \"ben\",\n  \"dora\",\n]"),
        ("[\n  \"ana\",\n  # the end\n]", "[\n  \"ana\",\n  # the end\n  \"dora\",\n]"),
    ] {
        assert_eq!(changed(list, "dora", true), with_dora, "{list}");
    }
}

#[test]
fn a_name_goes_with_what_is_said_about_it() {
    let lines = "[\n  # first\n  \"ana\", # lab\n  # second\n  \"ben\", # cluster\n  # third\n  \"chris\", # audit\n]";
    for (list, who, without) in [
        (r#"["ana", "ben", "chris"]"#, "ana", r#"["ben", "chris"]"#),
        (r#"["ana", "ben", "chris"]"#, "ben", r#"["ana", "chris"]"#),
        (r#"["ana", "ben", "chris"]"#, "chris", r#"["ana", "ben"]"#),
        (r#"[ "ana", "ben" ]"#, "ben", r#"[ "ana" ]"#),
        (r#"[ "ana", "ben" ]"#, "ana", r#"[ "ben" ]"#),
        ("[\n  \"ana\", \"ben\",\n]", "ana", "[\n  \"ben\",\n]"),
        (lines, "ana", "[\n  # second\n  \"ben\", # cluster\n  # third\n  \"chris\", # audit\n]"),
        (lines, "ben", "[\n  # first\n  \"ana\", # lab\n  # third\n  \"chris\", # audit\n]"),
        (lines, "chris", "[\n  # first\n  \"ana\", # lab\n  # second\n  \"ben\", # cluster\n]"),
    ] {
        assert_eq!(changed(list, who, false), without, "{list} without {who}");
    }
}

#[test]
fn a_list_that_gets_long_is_broken_to_one_name_a_line() {
    let text = commented();
    let mut draft = Draft::open(&text).unwrap();
    let tent = crate::samples::tent("aurora");
    let names = Format::ALL[..12].to_vec();
    let content = gapvault_formats::policy::ContentRules { allowed: Some(names), ..Default::default() };
    draft.set_content(&tent, &content).unwrap();
    assert!(draft.text().contains("allowed = [\n  \"safetensors\",\n  \"gguf\",\n"), "{}", draft.text());
    assert!(draft.text().contains(&format!("  \"{}\",\n]\n", Format::ALL[11])), "{}", draft.text());
}
