//! What the policy lets happen, and why: in general, and for one bundle.

mod bundle;
mod overview;

pub use bundle::{Checked, Counts, Explained, ExplainedSignature, explain_held, explain_set};
pub use overview::{KeyView, Overview, PersonView, RootView, SiteView, TentView, overview};
