//! The gapvault library: vaults, exports, imports, checkouts.
//!
//! It never prints and never reads the environment: it tells an [`observe::Observer`] what it does and returns typed
//! errors that know their [`error::Kind`] and a hint.
//!
//! | module | what it does |
//! |---|---|
//! | [`vault`] | a site's own store: identity, policy, custody log, bundles |
//! | [`unlock`] | what keeps its identities closed at rest: a passphrase, a plugin |
//! | [`keys`], [`rekey`] | how its identities are kept, recovered and renewed |
//! | [`sign`] | keys that sign: in files, in ssh-agent, in security keys |
//! | [`trust`] | tents and whom to trust in them |
//! | [`export`] | files to a bundle on a medium |
//! | [`bundle`] | bundles where they stand: found, judged, checked |
//! | [`verify`], [`import`] | a bundle checked, and brought into a vault, from one medium or several |
//! | [`pending`], [`repair`] | imports that wait for more media, and a damaged bundle written anew |
//! | [`list`], [`checkout`] | what a vault holds, and its files |
//! | [`media`] | what a medium can do, and whether it keeps what it is given |
//!
//! # Example: across the gap
//!
//! ```
//! use gapvault_core::{bundle, checkout, clock::Clock, export, import, observe::Silent, sign, trust, vault::{Access, Vault}};
//! use gapvault_core::formats::{catalogue::Provenance, names::TentName, policy::Grant};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let room = tempfile::tempdir()?;
//! let (stick, source) = (room.path().join("stick"), room.path().join("checkpoint"));
//! std::fs::create_dir(&stick)?;
//! std::fs::create_dir(&source)?;
//! std::fs::write(source.join("config.json"), br#"{"hidden_size": 64}"#)?;
//!
//! // Two sites, which know each other by their cards.
//! Vault::init(&room.path().join("lab"), "lab".parse()?, "lab".parse()?, Clock::SYSTEM)?;
//! Vault::init(&room.path().join("cluster"), "cluster-b".parse()?, "cluster-b".parse()?, Clock::SYSTEM)?;
//! let mut lab = Vault::open(&room.path().join("lab"), Access::Write, Clock::SYSTEM)?;
//! let mut cluster = Vault::open(&room.path().join("cluster"), Access::Write, Clock::SYSTEM)?;
//! let (lab_card, cluster_card) = (lab.card().clone(), cluster.card().clone());
//! let tent: TentName = "aurora".parse()?;
//! trust::new_tent(&mut lab, &tent)?;
//! let trusted = |vault: &mut Vault, card: &gapvault_core::formats::card::Card, grant| {
//!     // People compare this fingerprint by another way than the one the card came.
//!     let role = trust::Trust::Tent(tent.clone(), grant);
//!     trust::trust(vault, card.to_text().as_bytes(), card.fingerprint(), &role)
//! };
//! trusted(&mut lab, &cluster_card, Grant::Member)?;
//! trusted(&mut cluster, &lab_card, Grant::Exporter)?;
//!
//! // The lab exports to the stick.
//! let request = export::ExportRequest {
//!     artifact: "llama-ft:step-4000".parse()?,
//!     paths: vec![source.clone()],
//!     tent: tent.clone(),
//!     media: export::Media::Together(vec![stick.clone()]),
//!     provenance: Provenance {
//!         host: "trainer-7".into(),
//!         tool: "example".into(),
//!         licence: None,
//!         parents: Vec::new(),
//!         notes: Vec::new(),
//!     },
//!     valid_for: None,
//!     options: export::ExportOptions {
//!         threads: 2,
//!         pack_size: export::ExportOptions::PACK_SIZE,
//!         memory: None,
//!         follow_links: false,
//!         read_back: true,
//!         overcommit: false,
//!         parity: export::Parity::Percent(5),
//!         restart: false,
//!         post_quantum: false,
//!     },
//! };
//! let key = sign::own_key(&lab)?;
//! export::export(&mut lab, &request, &*key, &export::NoChanger, &Silent)?;
//!
//! // The cluster imports what it finds there (several media may be in together), and checks it out.
//! for found in bundle::gather(&[stick])? {
//!     import::import(&mut cluster, &found, &Silent)?;
//! }
//! let destination = room.path().join("restored");
//! let options = checkout::CheckoutOptions { threads: 2 };
//! checkout::checkout(&mut cluster, &request.artifact, None, &destination, options, &Silent)?;
//! assert_eq!(std::fs::read(destination.join("config.json"))?, std::fs::read(source.join("config.json"))?);
//! # Ok(())
//! # }
//! ```

pub mod approve;
pub mod bundle;
pub mod checkout;
pub mod clock;
mod content;
pub mod error;
pub mod explain;
pub mod export;
mod fs;
mod held;
pub mod import;
pub mod keys;
mod lane;
pub mod list;
pub mod media;
mod numbers;
pub mod observe;
pub mod pending;
pub mod policy;
mod pool;
mod random;
pub mod rekey;
pub mod repair;
mod revoked;
pub mod sign;
pub mod trust;
pub mod unlock;
pub mod vault;
pub mod verify;
mod wraps;

pub use content::ContentError;
pub use gapvault_formats as formats;
pub use held::{HeldError, find_bundle};
pub use numbers::{Numbers, tell_volumes};
pub use revoked::{RevokedExporter, revoked_exporter};
pub use wraps::{WrapError, vouched};
