//! Going through the bundles on a medium, one after the other, whatever becomes of each.

use crate::failure::Failure;
use crate::ui::Ui;
use gapvault_core::bundle::{Bundle, find};
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

/// What became of one bundle.
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
    /// The bundles that were asked for.
    pub(crate) fn bundles(&self) -> Result<Vec<Bundle>, Failure> {
        let mut bundles = find(&self.medium)?;
        if let Some(label) = &self.label {
            bundles.retain(|b| b.label().as_str() == label);
            if bundles.is_empty() {
                let message = format!("{} has no bundle {label}", self.medium.display());
                return Err(Failure::usage(message, "`gapvault list MEDIUM` shows the labels"));
            }
        }
        Ok(bundles)
    }

    /// Does `work` with each bundle and tells what became of it; fails with the first failure after all are done.
    pub(crate) fn each<T: Serialize>(
        &self,
        ui: &Ui,
        mut work: impl FnMut(&Bundle) -> Result<(T, String), Failure>,
    ) -> Result<(), Failure> {
        let (mut human, mut failed) = (String::new(), None);
        let mut done = Vec::new();
        let bundles = self.bundles()?;
        for bundle in &bundles {
            let label = bundle.label().to_string();
            match work(bundle) {
                Ok((result, text)) => {
                    human.push_str(&text);
                    done.push(Done { label, error: None, result: Some(result) });
                }
                Err(mut failure) => {
                    if !failure.message.contains(&label) {
                        failure.message = format!("bundle {label}: {}", failure.message);
                    }
                    // The last line of the run tells the first failure; with several bundles each is named.
                    if bundles.len() > 1 {
                        let _ = writeln!(human, "{}", crate::text::printable(&failure.message));
                    }
                    failed.get_or_insert_with(|| failure.clone());
                    done.push(Done { label, error: Some(failure), result: None });
                }
            }
        }
        match failed {
            None => ui.result(&AllDone { bundles: done }, &human),
            Some(failure) => {
                ui.result(&AllDone { bundles: done }, &human)?;
                Err(failure.told())
            }
        }
    }
}
