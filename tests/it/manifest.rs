//! Is the archive whole? The daily manifest is made, chained and signed; whatever is changed, taken away
//! or put in is named by a stranger who has the files and the public key alone.

mod clock;
mod encrypted;
mod hostile;
mod making;
mod packages;
pub mod town;
mod verified;
