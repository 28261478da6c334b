//! The real program, and real phones and carriers that nobody here wrote: baresip, linphone, sipp,
//! kamailio. What they heard and what was recorded is measured, what they sent is captured.
//!
//! Each test has a server, a data folder and ports of its own. A program that is missing fails the
//! test and names its Debian package.

mod bad_line;
mod baresip;
mod capture;
mod codecs;
mod kamailio;
mod linphone;
mod ports;
mod process;
mod server;
mod sipp;
mod small_disk;
mod sound;
mod three_way;

mod anywhere;
mod bad_days;
mod calls;
mod carriers;
mod edges;
mod full_disk;
mod phones;
