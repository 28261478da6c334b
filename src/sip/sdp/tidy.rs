//! What arrives as a session description, brought into the form that the SDP crate reads.

/// The lines that decide anything, and the session's identity.
pub struct Tidy {
    pub text: String,
    /// Session id and version of the `o=` line, empty where there is none.
    pub origin: (String, String),
}

/// Keeps `v= c= m= a=`, which is all that offer and answer look at; what stands on the other lines
/// (names in GBK, odd origins, missing times) can then do no harm. None without a `v=0` line.
pub fn tidy(body: &[u8]) -> Option<Tidy> {
    let mut lines = body.split(|byte| matches!(byte, b'\r' | b'\n' | b'\0')).map(<[u8]>::trim_ascii);
    let version = lines.find(|line| !line.is_empty())?;
    if version.strip_prefix(b"v=").map(<[u8]>::trim_ascii) != Some(b"0") {
        return None;
    }
    let mut tidy = Tidy { text: "v=0\r\n".into(), origin: (String::new(), String::new()) };
    let mut in_media = false;
    let mut session_connection = false;
    for line in lines {
        let Some((kind, value)) = line.split_first_chunk::<2>() else { continue };
        let (value, _, _) = encoding_rs::UTF_8.decode(value.trim_ascii());
        let mut words = value.split_ascii_whitespace();
        match kind {
            b"o=" => {
                let mut number = || words.next().unwrap_or_default().to_owned();
                number();
                tidy.origin = (number(), number());
            }
            b"c=" if in_media || !session_connection => {
                session_connection |= !in_media;
                tidy.push("c=", words.take(3));
            }
            b"m=" => {
                in_media = true;
                // A refused line may come without what follows its port.
                let missing = ["-"; 2].into_iter().skip(words.clone().count().saturating_sub(2));
                tidy.push("m=", words.chain(missing));
            }
            b"a=" => tidy.push("a=", words),
            _ => {}
        }
    }
    Some(tidy)
}

impl Tidy {
    fn push<'a>(&mut self, kind: &str, words: impl Iterator<Item = &'a str>) {
        self.text.push_str(kind);
        self.text.push_str(&words.collect::<Vec<_>>().join(" "));
        self.text.push_str("\r\n");
    }
}
