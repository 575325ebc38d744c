//! What time it is.

use gapvault_formats::time::Time;
use std::time::{SystemTime, UNIX_EPOCH};

/// The host's clock, or a fixed time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    fixed: Option<Time>,
}

impl Clock {
    /// The host's clock.
    pub const SYSTEM: Self = Self { fixed: None };

    /// Always this time.
    #[must_use]
    pub fn fixed(time: Time) -> Self {
        Self { fixed: Some(time) }
    }

    /// The time now; a host clock before 1970 counts as 1970.
    #[must_use]
    pub fn now(self) -> Time {
        let seconds = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        let system = || i64::try_from(seconds()).ok().and_then(Time::from_unix);
        self.fixed.or_else(system).or_else(|| Time::from_unix(0)).unwrap_or_else(|| unreachable!("0 is a time"))
    }
}
