//! `Digest name=value, name="value", …`, as challenges and credentials are written.

/// One scheme with its parameters; quoted values are unescaped, bytes otherwise as they arrived.
pub(super) struct AuthParams {
    scheme: Vec<u8>,
    params: Vec<(Vec<u8>, Vec<u8>)>,
}

impl AuthParams {
    /// Every scheme in one header value. SIP gives each its own line (RFC 3261 §7.3.1), yet some
    /// stacks fold several into one line as HTTP does.
    pub fn parse(value: &[u8]) -> Vec<Self> {
        let mut reader = Reader { rest: value };
        let mut found: Vec<Self> = Vec::new();
        while reader.skip_to_token() {
            let token = reader.token();
            if reader.takes(b'=') {
                let value = reader.value();
                if let Some(current) = found.last_mut() {
                    current.params.push((token, value));
                }
            } else {
                found.push(Self { scheme: token, params: Vec::new() });
            }
        }
        found
    }

    pub fn is_digest(&self) -> bool {
        self.scheme.eq_ignore_ascii_case(b"Digest")
    }

    /// The first parameter of that name, whatever its case.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value.as_slice())
    }
}

/// A quoted-string with `"` and `\` escaped. (RFC 3261 §25.1)
pub(super) fn quoted(text: &[u8]) -> Vec<u8> {
    let mut out = vec![b'"'];
    for byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out.push(b'"');
    out
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn skip(&mut self, unwanted: impl Fn(u8) -> bool) {
        while self.rest.first().is_some_and(|byte| unwanted(*byte)) {
            self.next();
        }
    }

    fn skip_to_token(&mut self) -> bool {
        self.skip(|byte| !is_token(byte));
        !self.rest.is_empty()
    }

    fn token(&mut self) -> Vec<u8> {
        let mut token = Vec::new();
        while let Some(byte) = self.rest.first().copied().filter(|byte| is_token(*byte)) {
            token.push(byte);
            self.next();
        }
        token
    }

    fn takes(&mut self, wanted: u8) -> bool {
        self.skip(|byte| byte.is_ascii_whitespace());
        let there = self.rest.first() == Some(&wanted);
        if there {
            self.next();
            self.skip(|byte| byte.is_ascii_whitespace());
        }
        there
    }

    fn value(&mut self) -> Vec<u8> {
        if !self.takes_quote() {
            return self.bare();
        }
        let mut value = Vec::new();
        while let Some(byte) = self.next() {
            match byte {
                b'"' => break,
                b'\\' => value.extend(self.next()),
                plain => value.push(plain),
            }
        }
        value
    }

    fn takes_quote(&mut self) -> bool {
        let there = self.rest.first() == Some(&b'"');
        if there {
            self.next();
        }
        there
    }

    /// An unquoted value runs to the next comma: some phones leave the quotes of `uri` out.
    fn bare(&mut self) -> Vec<u8> {
        let mut value = Vec::new();
        while let Some(byte) = self.rest.first().copied().filter(|byte| *byte != b',' && !byte.is_ascii_whitespace()) {
            value.push(byte);
            self.next();
        }
        value
    }
}

const fn is_token(byte: u8) -> bool {
    !byte.is_ascii_whitespace() && !matches!(byte, b',' | b'=' | b'"')
}
