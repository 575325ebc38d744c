//! Progress: bars with rate and remaining time on a terminal, events as JSON lines for programs, and Ctrl-C.

use gapvault_core::observe::{Event, Observer, Phase};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};
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
    Bar(Mutex<Option<ProgressBar>>),
    Json(Mutex<Option<Stretch>>),
}

/// A stretch of work, for JSON events.
#[derive(Debug)]
struct Stretch {
    phase: Phase,
    total: u64,
    done: u64,
    begun: Instant,
    told: Instant,
}

#[derive(Serialize)]
struct Told<'a> {
    event: &'a str,
    phase: &'a str,
    bytes: u64,
    total: u64,
    seconds: f64,
}

impl Progress {
    pub(crate) fn new(mode: ProgressMode) -> Self {
        let show = match mode {
            ProgressMode::Auto if std::io::stderr().is_terminal() => Show::Bar(Mutex::default()),
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

    /// Takes a bar off the screen, so that what follows stands alone.
    pub(crate) fn clear(&self) {
        if let Show::Bar(bar) = &self.show
            && let Some(bar) = bar.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            bar.finish_and_clear();
        }
    }
}

impl Observer for Progress {
    fn event(&self, event: Event) {
        match &self.show {
            Show::Nothing => {}
            Show::Bar(bar) => show_bar(&mut bar.lock().unwrap_or_else(PoisonError::into_inner), event),
            Show::Json(stretch) => tell(&mut stretch.lock().unwrap_or_else(PoisonError::into_inner), &event),
        }
    }

    fn cancelled(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

fn show_bar(bar: &mut Option<ProgressBar>, event: Event) {
    match event {
        Event::Begin { phase, total } => {
            let template = if total == 0 {
                "{prefix:>8} {spinner} {elapsed}"
            } else {
                "{prefix:>8} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta} left"
            };
            // The templates are constant and well-formed.
            let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            let new = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            *bar = Some(new.with_style(style).with_prefix(phase.name()));
        }
        Event::Advance { bytes } => {
            if let Some(bar) = bar {
                bar.inc(bytes);
            }
        }
        Event::End => {
            if let Some(bar) = bar.take() {
                bar.finish_and_clear();
            }
        }
    }
}

fn tell(stretch: &mut Option<Stretch>, event: &Event) {
    match event {
        Event::Begin { phase, total } => {
            let now = Instant::now();
            let new = stretch.insert(Stretch { phase: *phase, total: *total, done: 0, begun: now, told: now });
            new.write("begin");
        }
        Event::Advance { bytes } => {
            if let Some(stretch) = stretch {
                stretch.done += bytes;
                if stretch.told.elapsed() >= INTERVAL {
                    stretch.told = Instant::now();
                    stretch.write("advance");
                }
            }
        }
        Event::End => {
            if let Some(stretch) = stretch.take() {
                stretch.write("end");
            }
        }
    }
}

impl Stretch {
    fn write(&self, event: &str) {
        let Self { phase, total, done, begun, .. } = self;
        let told =
            Told { event, phase: phase.name(), bytes: *done, total: *total, seconds: begun.elapsed().as_secs_f64() };
        if let Ok(line) = serde_json::to_string(&told) {
            // Where stderr is closed there is nobody to tell.
            let _ = writeln!(std::io::stderr().lock(), "{line}");
        }
    }
}
