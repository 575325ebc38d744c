//! Going through the bundles on media, one after the other, whatever becomes of each.

use crate::failure::Failure;
use crate::text::printable;
use crate::ui::Ui;
use gapvault_core::bundle::{Bundle, Set, find, gather};
use serde::Serialize;
use std::fmt::Write;
use std::path::PathBuf;

/// A medium, and which of its bundles.
#[derive(Debug, clap::Args)]
pub(crate) struct MediumArgs {
    /// The medium's top folder, or one bundle's folder on it
    #[arg(value_name = "MEDIUM")]
    pub(crate) medium: PathBuf,
    /// Only the bundle in the folder of this label
    #[arg(long, value_name = "LABEL")]
    pub(crate) label: Option<String>,
}

/// The media that are in together, and which of their bundles.
#[derive(Debug, clap::Args)]
pub(crate) struct MediaArgs {
    /// The media's top folders, or one bundle's folders on them; folders of one label are volumes of one bundle
    #[arg(value_name = "MEDIUM", required = true)]
    pub(crate) media: Vec<PathBuf>,
    /// Only the bundle in the folders of this label
    #[arg(long, value_name = "LABEL")]
    pub(crate) label: Option<String>,
}

/// What became of one bundle.
pub(crate) struct Became<T> {
    /// For `--json`.
    pub(crate) object: T,
    /// For people.
    pub(crate) human: String,
    /// If it came to nothing good nevertheless.
    pub(crate) failure: Option<Failure>,
}

impl<T> Became<T> {
    pub(crate) fn good(object: T, human: String) -> Self {
        Self { object, human, failure: None }
    }
}

#[derive(Serialize)]
struct Done<T> {
    label: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
    #[serde(flatten)]
    result: Option<T>,
}

#[derive(Serialize)]
struct AllDone<T> {
    bundles: Vec<Done<T>>,
}

impl MediumArgs {
    /// Does `work` with each bundle that was asked for and tells what became of it.
    pub(crate) fn each<T: Serialize>(
        &self,
        ui: &Ui,
        work: impl FnMut(&Bundle) -> Result<Became<T>, Failure>,
    ) -> Result<(), Failure> {
        let found = find(&self.medium)?;
        let asked = asked(found, self.label.as_ref(), std::slice::from_ref(&self.medium), Bundle::label)?;
        each(ui, &asked, |bundle| bundle.label().to_string(), work)
    }
}

impl MediaArgs {
    /// The bundles that were asked for, with all that the media have of each.
    pub(crate) fn sets(&self) -> Result<Vec<Set>, Failure> {
        asked(gather(&self.media)?, self.label.as_ref(), &self.media, Set::label)
    }

    /// Does `work` with each bundle that was asked for and tells what became of it.
    pub(crate) fn each<T: Serialize>(
        &self,
        ui: &Ui,
        work: impl FnMut(&Set) -> Result<Became<T>, Failure>,
    ) -> Result<(), Failure> {
        each(ui, &self.sets()?, |set| set.label().to_string(), work)
    }
}

fn asked<I, L: AsRef<str>>(
    mut found: Vec<I>,
    label: Option<&String>,
    media: &[PathBuf],
    label_of: impl Fn(&I) -> &L,
) -> Result<Vec<I>, Failure> {
    if let Some(label) = label {
        found.retain(|item| label_of(item).as_ref() == label);
        if found.is_empty() {
            let media: Vec<_> = media.iter().map(|medium| medium.display().to_string()).collect();
            let message = format!("{} has no bundle {label}", media.join(", "));
            return Err(Failure::usage(message, "`gapvault list MEDIUM` shows the labels"));
        }
    }
    Ok(found)
}

/// Fails with the first failure after all are done.
pub(super) fn each<I, T: Serialize>(
    ui: &Ui,
    items: &[I],
    label: impl Fn(&I) -> String,
    mut work: impl FnMut(&I) -> Result<Became<T>, Failure>,
) -> Result<(), Failure> {
    let (mut human, mut failed) = (String::new(), None);
    let mut done = Vec::new();
    for item in items {
        let label = label(item);
        let (result, error) = match work(item) {
            Ok(Became { object, human: text, failure }) => {
                human.push_str(&text);
                (Some(object), failure)
            }
            Err(failure) => (None, Some(failure)),
        };
        let error = error.map(|mut failure| {
            if !failure.message.contains(&label) {
                failure.message = format!("bundle {label}: {}", failure.message);
            }
            // The last line of the run tells the first failure; with several bundles each is named.
            if items.len() > 1 {
                let _ = writeln!(human, "{}", printable(&failure.message));
            }
            failed.get_or_insert_with(|| failure.clone());
            failure
        });
        done.push(Done { label, error, result });
    }
    ui.result(&AllDone { bundles: done }, &human)?;
    match failed {
        None => Ok(()),
        Some(failure) => Err(failure.told()),
    }
}
