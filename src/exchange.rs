//! Joins `sip` and `call`: an event of a dialog becomes an input of the switchboard, an output of
//! the switchboard becomes a request. It only translates.
