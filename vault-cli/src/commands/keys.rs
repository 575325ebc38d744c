//! `gapvault keys`

use crate::ask::new_passphrase;
use crate::cli::Global;
use crate::failure::Failure;
use crate::text::{count, short};
use crate::ui::Ui;
use clap::ArgGroup;
use gapvault_core::formats::agefile::Recipient;
use gapvault_core::formats::ids::{CardFingerprint, KeyFingerprint};
use gapvault_core::keys::{Keep, Kept, kept, protect};
use gapvault_core::unlock::PluginConfig;
use gapvault_core::vault::{Access, Vault};
use serde::Serialize;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Show the vault's keys, and say how they are kept.
///
/// The age identities open what is sealed to this site. They are a plain file for their owner alone, or an age file that
/// a passphrase or a plugin (a hardware key) opens: once a command, and only for what needs them. The SSH key stays a
/// plain file, because every entry of the log is signed with it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gapvault --vault cluster keys
  gapvault --vault cluster keys protect --passphrase
  gapvault --vault cluster keys protect --plugin age1yubikey1… \\
    --plugin-identity yubikey.txt")]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    command: Option<KeysCommand>,
}

#[derive(Debug, clap::Subcommand)]
enum KeysCommand {
    /// Keep the age identities in another way
    #[command(after_help = "Examples:
  gapvault --vault cluster keys protect --passphrase
  gapvault --vault cluster keys protect --plugin age1yubikey1… \\
    --plugin-identity yubikey.txt
  gapvault --vault cluster keys protect --none")]
    Protect(ProtectArgs),
}

#[derive(Debug, clap::Args)]
#[command(group(ArgGroup::new("how").required(true).args(["passphrase", "new_passphrase_file", "plugin", "none"])))]
struct ProtectArgs {
    /// Have a passphrase open them, which is asked for
    #[arg(long)]
    passphrase: bool,
    /// The same, with the new passphrase in the first line of a file
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,
    /// Have a plugin open them: the recipient of a hardware key, as its plugin printed it
    #[arg(long, value_name = "RECIPIENT", requires = "plugin_identity")]
    plugin: Option<String>,
    /// The file with the plugin's identity, which says what hardware key that is
    #[arg(long, value_name = "FILE", requires = "plugin")]
    plugin_identity: Option<PathBuf>,
    /// The plugin's program [default: `age-plugin-NAME` on the path, by the recipient's name]
    #[arg(long, value_name = "PROGRAM", requires = "plugin")]
    plugin_program: Option<PathBuf>,
    /// Keep them as they are, for their owner alone
    #[arg(long)]
    none: bool,
}

#[derive(Serialize)]
struct Told<'a> {
    card: CardFingerprint,
    signs: KeyFingerprint,
    recipients: &'a [Recipient],
    older: Option<usize>,
    set_aside: Vec<&'a Path>,
    protection: Option<&'static str>,
    plugin: Option<&'a Path>,
    recovery: &'a [Recipient],
}

pub(crate) fn run(args: KeysArgs, global: &Global, ui: &Ui) -> Result<(), Failure> {
    match args.command {
        None => tell(&global.open(Access::Read)?, ui),
        Some(KeysCommand::Protect(how)) => {
            let mut vault = global.open(Access::Write)?;
            protect(&mut vault, how.keep()?)?;
            tell(&vault, ui)
        }
    }
}

impl ProtectArgs {
    fn keep(self) -> Result<Keep, Failure> {
        let (Some(recipient), Some(identity)) = (self.plugin, self.plugin_identity) else {
            return Ok(match self.none {
                true => Keep::Plain,
                false => Keep::Passphrase(new_passphrase(self.new_passphrase_file.as_deref())?),
            });
        };
        let program = match self.plugin_program {
            Some(program) => program,
            None => on_path(&recipient)?,
        };
        let absolute =
            |path: &Path| path.canonicalize().map_err(|e| Failure::io(&format!("can't find {}", path.display()), &e));
        let (program, identity) = (absolute(&program)?, absolute(&identity)?);
        Ok(Keep::Plugin(PluginConfig { program, recipient, identity }))
    }
}

/// The program of the plugin that a recipient names. It is looked up here and now, once; the configuration has its path.
fn on_path(recipient: &str) -> Result<PathBuf, Failure> {
    let name = recipient.strip_prefix("age1").and_then(|rest| rest.rsplit_once('1')).map_or("", |(name, _)| name);
    let program = format!("age-plugin-{name}");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(&program)).find(|path| path.is_file());
    let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-._".contains(&b)) && !name.is_empty();
    found.filter(|_| is_name).ok_or_else(|| {
        let message = format!("there is no plugin for {}", gapvault_core::formats::names::shorten(recipient));
        Failure::usage(
            message,
            "give the plugin's recipient (`age1NAME1…`), and its program with --plugin-program PROGRAM",
        )
    })
}

fn tell(vault: &Vault, ui: &Ui) -> Result<(), Failure> {
    let Kept { recipients, protection, plugin, older, set_aside, recovery } = kept(vault)?;
    let told = Told {
        card: vault.card().fingerprint(),
        signs: vault.card().key.fingerprint(),
        recipients: &recipients,
        older,
        set_aside: set_aside.iter().map(|file| file.path.as_path()).collect(),
        protection: protection.map(gapvault_core::unlock::Protection::name),
        plugin: plugin.as_ref().map(|plugin| plugin.program.as_path()),
        recovery: &recovery,
    };
    let mut human = String::new();
    // Writing to a String can't fail.
    let _ = writeln!(human, "card      {}", told.card);
    let _ = writeln!(human, "signs     {}", told.signs);
    for recipient in &recipients {
        let _ = writeln!(human, "opens     {:12}{}", recipient.suite().as_str(), short(recipient));
    }
    let kept = match (told.protection, told.plugin) {
        (None, _) => {
            "lost: restore secrets/age.key and age-pq.key from a backup, or `gapvault rekey --identity --recover FILE`"
                .to_owned()
        }
        (Some("none"), _) => "not protected, for its owner alone".to_owned(),
        (_, Some(program)) => format!("protected by plugin {}", program.display()),
        (Some(protection), None) => format!("protected by {protection}"),
    };
    let _ = writeln!(human, "kept      {kept}");
    if let Some(older) = older.filter(|older| *older > 0) {
        let _ = writeln!(human, "older     {older}, until `gapvault rekey --forget-old`");
    }
    if !set_aside.is_empty() {
        let files = count(set_aside.len() as u64, "file");
        let _ = writeln!(human, "aside     {files} that a recovery set aside, until `gapvault rekey --forget-old`");
    }
    for recipient in &recovery {
        let _ = writeln!(human, "recovery  {:12}{}", recipient.suite().as_str(), short(recipient));
    }
    if recovery.is_empty() {
        let _ = writeln!(human, "recovery  none: `gapvault recovery new --out FILE` makes an identity to keep offline");
    }
    ui.result(&told, &human)
}
