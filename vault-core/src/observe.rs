//! How the library tells what it is doing, and how it is told to stop. It never prints.

use std::path::Path;

/// What a stretch of work is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Looking at the files to export.
    Walk,
    /// Reading, coding, sealing and writing content.
    Export,
    /// Reading every byte of a bundle.
    Verify,
    /// Copying and checking what describes a bundle, before its content is copied.
    Describe,
    /// Copying a bundle's content into the vault.
    Import,
    /// Putting packs together again from others and their parity.
    Mend,
    /// Writing a bundle anew to other media.
    Repair,
    /// Writing an artifact's files.
    Checkout,
    /// Filling a medium's free room.
    Fill,
    /// Reading again what was written.
    ReadBack,
    /// Writing packs to a medium.
    Write,
    /// Looking at what an earlier run has left.
    Check,
    /// Sealing anew what opens the bundles of a vault.
    Rekey,
    /// Waiting for a signature that a person may have to do something for.
    Sign,
}

impl Phase {
    /// One word for people and scripts.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Walk => "walk",
            Self::Export => "export",
            Self::Verify => "verify",
            Self::Describe => "describe",
            Self::Import => "import",
            Self::Mend => "mend",
            Self::Repair => "repair",
            Self::Checkout => "checkout",
            Self::Fill => "fill",
            Self::Write => "write",
            Self::Check => "check",
            Self::Rekey => "rekey",
            Self::Sign => "sign",
            Self::ReadBack => "readback",
        }
    }
}

/// Something to show while work goes on.
///
/// Stretches of work of several media go on at the same time, each told apart by the number of its medium; one without
/// a number is about the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A medium that is about to be worked on, told once before all else about it.
    Medium {
        /// Its number, from 0, in the order in which the media were given.
        index: usize,
        /// Where it is.
        path: &'a Path,
    },
    /// A stretch of work begins; `total` bytes are ahead, 0 if that is not known.
    Begin {
        /// What it is about.
        phase: Phase,
        /// Bytes ahead.
        total: u64,
        /// On which medium.
        medium: Option<usize>,
    },
    /// So many more bytes are done.
    Advance {
        /// Bytes.
        bytes: u64,
        /// On which medium.
        medium: Option<usize>,
    },
    /// The stretch of work is over.
    End {
        /// On which medium.
        medium: Option<usize>,
    },
}

/// Is shown events, from several threads at once, and asked whether to stop.
pub trait Observer: Sync {
    /// Something happened.
    fn event(&self, event: Event<'_>);
    /// Whether the work should stop as soon as it can, leaving no mess.
    fn cancelled(&self) -> bool {
        false
    }
}

/// Shows nothing and never stops.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn event(&self, _: Event<'_>) {}
}
