//! G.711 A-law and µ-law. (ITU-T G.711)

/// The two G.711 companding laws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Law {
    /// PCMA, static payload type 8.
    A,
    /// PCMU, static payload type 0.
    Mu,
}

impl Law {
    /// The static RTP payload type (RFC 3551 §6).
    pub const fn payload(self) -> u8 {
        match self {
            Self::A => 8,
            Self::Mu => 0,
        }
    }

    /// The code of silence, which is also what a gap is filled with.
    pub const fn silence(self) -> u8 {
        match self {
            Self::A => 0xD5,
            Self::Mu => 0xFF,
        }
    }

    /// One code as 16-bit linear.
    pub const fn decode(self, code: u8) -> i16 {
        match self {
            Self::A => A_TO_LINEAR[code as usize],
            Self::Mu => MU_TO_LINEAR[code as usize],
        }
    }

    /// The code of a 16-bit linear sample (ITU-T G.711 tables 1 and 2).
    pub const fn encode(self, sample: i16) -> u8 {
        match self {
            Self::A => LINEAR_TO_A[(sample as u16 >> 4) as usize],
            Self::Mu => LINEAR_TO_MU[(sample as u16 >> 2) as usize],
        }
    }

    /// Changes the codes in `codes` from this law into the other one, in place.
    pub fn transcode(self, codes: &mut [u8]) {
        let table = match self {
            Self::A => &A_TO_MU,
            Self::Mu => &MU_TO_A,
        };
        for code in codes {
            *code = table[*code as usize];
        }
    }

    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::Mu,
            Self::Mu => Self::A,
        }
    }
}

static A_TO_LINEAR: [i16; 256] = {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = a_decode(code as u8);
        code += 1;
    }
    table
};

static MU_TO_LINEAR: [i16; 256] = {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = mu_decode(code as u8);
        code += 1;
    }
    table
};

/// By the upper 12 bits of a sample: A-law looks at no others.
static LINEAR_TO_A: [u8; 4096] = {
    let mut table = [0; 4096];
    let mut high = 0;
    while high < table.len() {
        table[high] = a_encode((high << 4) as u16 as i16);
        high += 1;
    }
    table
};

/// By the upper 14 bits, as µ-law.
static LINEAR_TO_MU: [u8; 16_384] = {
    let mut table = [0; 16_384];
    let mut high = 0;
    while high < table.len() {
        table[high] = mu_encode((high << 2) as u16 as i16);
        high += 1;
    }
    table
};

static A_TO_MU: [u8; 256] = {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = mu_encode(a_decode(code as u8));
        code += 1;
    }
    table
};

static MU_TO_A: [u8; 256] = {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = a_encode(mu_decode(code as u8));
        code += 1;
    }
    table
};

/// Every other bit of a code is inverted on the line, so that silence has transitions.
const A_INVERTED: u8 = 0x55;

const fn a_decode(code: u8) -> i16 {
    let bits = code ^ A_INVERTED;
    let (segment, mantissa) = ((bits >> 4) & 7, (bits & 15) as i16);
    let magnitude = match segment {
        0 => (mantissa << 4) + 8,
        _ => ((mantissa << 4) + 0x108) << (segment - 1),
    };
    if bits & 0x80 != 0 { magnitude } else { -magnitude }
}

const fn a_encode(sample: i16) -> u8 {
    let mut magnitude = (if sample < 0 { !sample } else { sample }) >> 4;
    let mut segment = 0;
    if magnitude > 15 {
        segment = 1;
        while magnitude > 31 {
            magnitude >>= 1;
            segment += 1;
        }
        magnitude -= 16;
    }
    let sign = if sample < 0 { 0 } else { 0x80 };
    ((segment << 4) | magnitude as u8 | sign) ^ A_INVERTED
}

/// What µ-law adds to each magnitude so that segments start at powers of two, in 14-bit units.
const MU_BIAS: i16 = 33;

const fn mu_decode(code: u8) -> i16 {
    let bits = !code;
    let (segment, mantissa) = ((bits >> 4) & 7, (bits & 15) as i16);
    let magnitude = (((mantissa << 3) + 0x84) << segment) - (MU_BIAS << 2);
    if bits & 0x80 != 0 { -magnitude } else { magnitude }
}

const fn mu_encode(sample: i16) -> u8 {
    let plain = (if sample < 0 { !sample } else { sample }) >> 2;
    let magnitude = if plain > 0x1FFF - MU_BIAS { 0x1FFF } else { plain + MU_BIAS };
    let mut segment = 0;
    while magnitude >> (segment + 6) != 0 {
        segment += 1;
    }
    let mantissa = (magnitude >> (segment + 1)) & 15;
    let sign = if sample < 0 { 0x80 } else { 0 };
    !((segment as u8) << 4 | mantissa as u8 | sign)
}
