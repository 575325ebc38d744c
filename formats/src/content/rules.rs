//! Whether what was seen is what a tent takes.

use super::{Format, Formats, Hidden, Pickle, Seen, member};
use crate::policy::ContentRules;

/// Why a tent does not take a file, or a bundle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It bears pickles.
    #[error("{formats}: {}", bears(.pickle))]
    Pickle {
        /// What the file is.
        formats: Formats,
        /// What was found.
        pickle: Pickle,
    },
    /// It can't be looked into.
    #[error("{formats}: can't be looked into{}: {}", member(&hidden.member), hidden.why)]
    Hidden {
        /// What the file is.
        formats: Formats,
        /// What can't.
        hidden: Hidden,
    },
    /// None of the formats that are allowed.
    #[error("{formats}: {format} is not among the formats that are allowed ({})", allowed.iter().map(|f| f.name()).collect::<Vec<_>>().join(", "))]
    NotAllowed {
        /// What the file is.
        formats: Formats,
        /// What of that is too much.
        format: Format,
        /// What may be.
        allowed: Vec<Format>,
    },
    /// A format that is forbidden.
    #[error("{formats}: {}", if *inside { format!("it holds {format}, which is forbidden") } else { format!("{format} is forbidden") })]
    Forbidden {
        /// What the file is.
        formats: Formats,
        /// What must not be.
        format: Format,
        /// Whether it is something in the file.
        inside: bool,
    },
    /// A file that is too large.
    #[error("{size} bytes: files may have {limit}")]
    FileSize {
        /// Its bytes.
        size: u64,
        /// Bytes that it may have.
        limit: u64,
    },
    /// Files that are too large together.
    #[error("{size} bytes in all files of the bundle: they may have {limit}")]
    BundleSize {
        /// Their bytes.
        size: u64,
        /// Bytes that they may have.
        limit: u64,
    },
}

fn bears(pickle: &Pickle) -> String {
    let what = if pickle.objects { "bears Python objects as a pickle" } else { "bears a pickle" };
    let imports = if pickle.imports.is_empty() {
        String::new()
    } else {
        format!(", which imports {}", pickle.imports.join(", "))
    };
    format!("{what}{}{imports}", member(&pickle.member))
}

impl ContentRules {
    /// Whether files must be looked at to judge them.
    #[must_use]
    pub fn look_inside(&self) -> bool {
        !self.pickle || self.allowed.is_some() || !self.forbidden.is_empty()
    }

    /// Whether a file of this content may be.
    pub fn judge(&self, seen: &Seen) -> Result<(), Refusal> {
        let formats = seen.formats;
        if let Some(pickle) = seen.pickle.clone().filter(|_| !self.pickle) {
            return Err(Refusal::Pickle { formats, pickle });
        }
        let forbidden = |set: Formats| self.forbidden.iter().copied().find(|format| set.contains(*format));
        for (set, inside) in [(formats, false), (seen.inside, true)] {
            if let Some(format) = forbidden(set) {
                return Err(Refusal::Forbidden { formats, format, inside });
            }
        }
        if let Some(allowed) = &self.allowed
            && let Some(format) = formats.beyond(allowed)
        {
            return Err(Refusal::NotAllowed { formats, format, allowed: allowed.clone() });
        }
        // What is hidden may be a pickle, and whatever else is forbidden.
        match seen.hidden.clone().filter(|_| !self.pickle || !self.forbidden.is_empty()) {
            Some(hidden) => Err(Refusal::Hidden { formats, hidden }),
            None => Ok(()),
        }
    }

    /// Whether a file of this many bytes may be.
    pub fn judge_file_size(&self, size: u64) -> Result<(), Refusal> {
        match self.file_bytes.filter(|limit| size > *limit) {
            Some(limit) => Err(Refusal::FileSize { size, limit }),
            None => Ok(()),
        }
    }

    /// Whether all files of a bundle may have this many bytes.
    pub fn judge_bundle_size(&self, size: u64) -> Result<(), Refusal> {
        match self.bundle_bytes.filter(|limit| size > *limit) {
            Some(limit) => Err(Refusal::BundleSize { size, limit }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Why;
    use super::*;

    fn seen(formats: &[Format]) -> Seen {
        Seen { formats: formats.iter().copied().collect(), ..Seen::default() }
    }

    fn reason(rules: &ContentRules, seen: &Seen) -> String {
        rules.judge(seen).map_or_else(|refusal| refusal.to_string(), |()| "taken".to_owned())
    }

    #[test]
    fn pickles_are_refused_unless_they_are_allowed() {
        let (rules, allowing) = (ContentRules::default(), ContentRules { pickle: true, ..ContentRules::default() });
        let mut torch = seen(&[Format::Zip, Format::Torch]);
        torch.pickle = Some(Pickle {
            member: vec!["m/data.pkl".to_owned()],
            objects: false,
            imports: vec!["posix.system".to_owned()],
        });
        assert_eq!(
            reason(&rules, &torch),
            "torch, zip: bears a pickle in its member m/data.pkl, which imports posix.system"
        );
        assert_eq!(reason(&allowing, &torch), "taken");
        assert_eq!(reason(&rules, &seen(&[Format::Safetensors])), "taken");
    }

    #[test]
    fn what_is_hidden_is_refused_unless_nothing_is_forbidden() {
        let mut hidden = seen(&[Format::Xz]);
        hidden.hidden = Some(Hidden { member: vec![], why: Why::Closed(Format::Xz) });
        let pickle = ContentRules { pickle: true, ..ContentRules::default() };
        let no_programs = ContentRules { forbidden: vec![Format::Elf], ..pickle.clone() };
        let refused = "xz: can't be looked into: xz is not unpacked here";
        assert_eq!(reason(&ContentRules::default(), &hidden), refused);
        assert_eq!(reason(&pickle, &hidden), "taken");
        assert_eq!(reason(&no_programs, &hidden), refused);
        assert!(!pickle.look_inside() && no_programs.look_inside() && ContentRules::default().look_inside());
    }

    #[test]
    fn formats_are_held_to_both_lists() {
        let rules = ContentRules {
            allowed: Some(vec![Format::Safetensors, Format::Tar]),
            forbidden: vec![Format::Elf],
            ..ContentRules::default()
        };
        assert_eq!(reason(&rules, &seen(&[Format::Safetensors])), "taken");
        assert_eq!(
            reason(&rules, &seen(&[Format::Text, Format::Json])),
            "json, text: json is not among the formats that are allowed (safetensors, tar)"
        );
        let mut tar = seen(&[Format::Tar]);
        tar.inside = [Format::Text].into_iter().collect();
        assert_eq!(reason(&rules, &tar), "taken", "what it holds need not be allowed");
        tar.inside = [Format::Text, Format::Elf].into_iter().collect();
        assert_eq!(reason(&rules, &tar), "tar: it holds elf, which is forbidden");
    }

    #[test]
    fn sizes_are_held_to_the_ceilings() {
        let rules = ContentRules { file_bytes: Some(10), bundle_bytes: Some(20), ..ContentRules::default() };
        assert_eq!((rules.judge_file_size(10), rules.judge_bundle_size(20)), (Ok(()), Ok(())));
        assert_eq!(rules.judge_file_size(11).unwrap_err().to_string(), "11 bytes: files may have 10");
        assert!(rules.judge_bundle_size(21).is_err());
        assert!(ContentRules::default().judge_file_size(u64::MAX).is_ok());
    }
}
