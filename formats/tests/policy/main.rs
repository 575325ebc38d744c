//! Policies as a security officer and a vault use them: read, signed, compared, changed.

mod diff;
mod edit;
mod edit_lists;
#[path = "../shared/forms.rs"]
mod forms;
mod one_key;
mod remarks;
mod root;
mod samples;
mod text;
