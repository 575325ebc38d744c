//! Progress: bars with rate and remaining time on a terminal, events as JSON lines for programs, and Ctrl-C.

use crate::text::{printable, printable_json};
use gapvault_core::observe::{Event, Observer, Phase};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::time::{Duration, Instant};

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ProgressMode {
    /// Bars if stderr is a terminal.
    Auto,
    /// Nothing.
    None,
    /// One JSON object a line on stderr.
    Json,
}

/// How often a JSON event is written while bytes advance.
const INTERVAL: Duration = Duration::from_millis(500);

/// Shows progress, and knows whether somebody asked to stop.
#[derive(Debug)]
pub(crate) struct Progress {
    stop: Arc<AtomicBool>,
    handle_signals: Once,
    show: Show,
}

#[derive(Debug)]
enum Show {
    Nothing,
    Bars(Mutex<Bars>),
    Json(Mutex<Lines>),
}

/// Bars, one for each stretch that goes on: of each medium one, and one for the whole.
#[derive(Debug, Default)]
struct Bars {
    all: MultiProgress,
    media: BTreeMap<usize, String>,
    going_on: BTreeMap<Option<usize>, ProgressBar>,
}

/// Stretches of work for JSON events, in the same way.
#[derive(Debug, Default)]
struct Lines {
    media: BTreeMap<usize, String>,
    going_on: BTreeMap<Option<usize>, Stretch>,
}

/// A stretch of work, for JSON events.
#[derive(Debug)]
struct Stretch {
    phase: Phase,
    medium: Option<String>,
    total: u64,
    done: u64,
    begun: Instant,
    told: Instant,
}

#[derive(Serialize)]
struct Told<'a> {
    event: &'a str,
    phase: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    medium: Option<&'a str>,
    bytes: u64,
    total: u64,
    seconds: f64,
}

impl Progress {
    pub(crate) fn new(mode: ProgressMode) -> Self {
        let show = match mode {
            ProgressMode::Auto if std::io::stderr().is_terminal() => Show::Bars(Mutex::default()),
            ProgressMode::Auto | ProgressMode::None => Show::Nothing,
            ProgressMode::Json => Show::Json(Mutex::default()),
        };
        Self { stop: Arc::default(), handle_signals: Once::new(), show }
    }

    /// From here on, Ctrl-C asks the work to stop and leave no mess; a second one ends the program at once. Before, it
    /// ends it at once too: a question must not go on being asked.
    pub(crate) fn stop_on_signals(&self) {
        self.handle_signals.call_once(|| {
            for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
                // Without the handlers the first one ends the program.
                let _ = signal_hook::flag::register_conditional_default(signal, self.stop.clone());
                let _ = signal_hook::flag::register(signal, self.stop.clone());
            }
        });
    }

    /// Whether what is on stderr is read by a program.
    pub(crate) fn is_for_programs(&self) -> bool {
        matches!(self.show, Show::Json(_))
    }

    /// Takes the bars off the screen, so that what follows stands alone.
    pub(crate) fn clear(&self) {
        if let Show::Bars(bars) = &self.show {
            let going_on = std::mem::take(&mut locked(bars).going_on);
            going_on.into_values().for_each(|bar| bar.finish_and_clear());
        }
    }
}

impl Observer for Progress {
    fn event(&self, event: Event<'_>) {
        match &self.show {
            Show::Nothing => {}
            Show::Bars(bars) => locked(bars).show(event),
            Show::Json(lines) => locked(lines).tell(event),
        }
    }

    fn cancelled(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

fn locked<T>(shown: &Mutex<T>) -> MutexGuard<'_, T> {
    shown.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Bars {
    fn show(&mut self, event: Event<'_>) {
        match event {
            Event::Medium { index, path } => {
                self.media.insert(index, printable(&path.display().to_string()));
            }
            // Whatever asks the person must not be drawn over.
            Event::Begin { phase: Phase::Sign, .. } => {
                let _ = self.all.println("waiting for the key: give its passphrase or PIN, or touch it, if it asks");
            }
            Event::Begin { phase, total, medium } => {
                let template = if total == 0 {
                    "{prefix:>8} {spinner} {elapsed}"
                } else {
                    "{prefix:>8} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta} left"
                };
                // The templates are constant and well-formed.
                let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
                // With one medium there is nothing to tell apart.
                let named = medium.filter(|_| self.media.len() > 1).and_then(|medium| self.media.get(&medium));
                let prefix = named.map_or(phase.name().to_owned(), |name| format!("{} {name}", phase.name()));
                let bar = self.all.add(ProgressBar::new(total).with_style(style).with_prefix(prefix));
                self.going_on.insert(medium, bar);
            }
            Event::Advance { bytes, medium } => {
                if let Some(bar) = self.going_on.get(&medium) {
                    bar.inc(bytes);
                }
            }
            Event::End { medium } => {
                if let Some(bar) = self.going_on.remove(&medium) {
                    bar.finish_and_clear();
                }
            }
        }
    }
}

impl Lines {
    fn tell(&mut self, event: Event<'_>) {
        match event {
            Event::Medium { index, path } => {
                self.media.insert(index, path.display().to_string());
            }
            Event::Begin { phase, total, medium } => {
                let (now, name) = (Instant::now(), medium.and_then(|medium| self.media.get(&medium)).cloned());
                let stretch = Stretch { phase, medium: name, total, done: 0, begun: now, told: now };
                stretch.write("begin");
                self.going_on.insert(medium, stretch);
            }
            Event::Advance { bytes, medium } => {
                if let Some(stretch) = self.going_on.get_mut(&medium) {
                    stretch.done += bytes;
                    if stretch.told.elapsed() >= INTERVAL {
                        stretch.told = Instant::now();
                        stretch.write("advance");
                    }
                }
            }
            Event::End { medium } => {
                if let Some(stretch) = self.going_on.remove(&medium) {
                    stretch.write("end");
                }
            }
        }
    }
}

impl Stretch {
    fn write(&self, event: &str) {
        let Self { phase, medium, total, done, begun, .. } = self;
        let (phase, medium, seconds) = (phase.name(), medium.as_deref(), begun.elapsed().as_secs_f64());
        let told = Told { event, phase, medium, bytes: *done, total: *total, seconds };
        if let Ok(line) = serde_json::to_string(&told) {
            // Where stderr is closed there is nobody to tell.
            let _ = writeln!(std::io::stderr().lock(), "{}", printable_json(&line));
        }
    }
}
