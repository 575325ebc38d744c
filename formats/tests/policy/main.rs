//! Policies as a security officer and a vault use them: read, signed, compared, changed.

mod diff;
mod edit;
mod edit_lists;
mod remarks;
mod root;
mod samples;
mod text;
