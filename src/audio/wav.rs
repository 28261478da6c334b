//! WAV headers of the recordings: A-law and µ-law (format tags 6 and 7) at 8 kHz and 16-bit PCM at 8 or
//! 16 kHz, of one channel or two.
//!
//! Only bytes and sums; the files are opened elsewhere. hound knows no A-law and leaves a header of
//! size 0 when the process dies, so a header is written here with each flush and can be made anew
//! from nothing but the file's length. (RIFF WAVE, Microsoft/IBM 1991; `fact` for other than PCM)

/// Frames a second, unless a layout says otherwise; a frame is one sample of each channel.
pub const RATE: u32 = 8000;
/// The other rate there is: what a wideband phone says, on a track of its own.
pub const WIDE_RATE: u32 = 16_000;

const TAG_PCM: u16 = 1;
const TAG_ALAW: u16 = 6;
const TAG_MULAW: u16 = 7;
const TAG_EXTENSIBLE: u16 = 0xfffe;
/// Bytes before the first sample of a file of three channels and more.
const EXTENDED_LEN: u64 = 68;

/// How a sample lies in the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// One byte a sample, 57.6 MB an hour of both channels.
    #[default]
    Alaw,
    /// The same in µ-law; only of a person's track.
    Mulaw,
    /// Two bytes a sample, little end first, 115.2 MB an hour of both channels.
    Pcm16,
}

impl Format {
    /// As in the side-car and the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alaw => "alaw",
            Self::Mulaw => "mulaw",
            Self::Pcm16 => "pcm16",
        }
    }

    /// Bytes of one sample.
    pub const fn sample_bytes(self) -> usize {
        match self {
            Self::Alaw | Self::Mulaw => 1,
            Self::Pcm16 => 2,
        }
    }

    pub const fn mono(self) -> Layout {
        Layout { format: self, channels: 1, rate: RATE }
    }

    pub const fn stereo(self) -> Layout {
        Layout { format: self, channels: 2, rate: RATE }
    }

    /// Bytes before the first sample.
    pub const fn header_len(self) -> usize {
        match self {
            Self::Alaw | Self::Mulaw => 58,
            Self::Pcm16 => 44,
        }
    }

    /// The byte that, repeated, is silence: in G.711 the code of +0.
    pub const fn silence(self) -> u8 {
        match self {
            Self::Alaw => 0xd5,
            Self::Mulaw => 0xff,
            Self::Pcm16 => 0,
        }
    }
}

/// A format, how many channels lie side by side in it (1 or 2), and how many frames make a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    pub format: Format,
    pub channels: u16,
    pub rate: u32,
}

impl Layout {
    /// Bytes of one frame, all channels.
    pub const fn frame_bytes(self) -> usize {
        self.format.sample_bytes() * self.channels as usize
    }

    pub const fn at(self, rate: u32) -> Self {
        Self { rate, ..self }
    }

    /// Milliseconds of so many frames.
    pub const fn millis(self, frames: u64) -> u64 {
        frames / (self.rate as u64 / 1000)
    }

    /// Whole frames in a file of `file_len` bytes; a torn last frame does not count.
    pub const fn frames_in(self, file_len: u64) -> u64 {
        file_len.saturating_sub(self.format.header_len() as u64) / self.frame_bytes() as u64
    }

    /// Most frames that fit a file of at most `limit` bytes, at least one.
    pub const fn frames_within(self, limit: u64) -> u64 {
        let limit = if limit > u32::MAX as u64 { u32::MAX as u64 } else { limit };
        let frames = self.frames_in(limit);
        if frames == 0 { 1 } else { frames }
    }
}

/// The header of a file that holds `frames` frames. Sizes beyond 32 bits are written as the largest
/// there is; files are rolled long before.
pub fn header(layout: Layout, frames: u64) -> Vec<u8> {
    let (format, frame_bytes) = (layout.format, layout.frame_bytes());
    let data = frames.saturating_mul(frame_bytes as u64);
    let (tag, bits) = match format {
        Format::Alaw => (TAG_ALAW, 8u16),
        Format::Mulaw => (TAG_MULAW, 8u16),
        Format::Pcm16 => (TAG_PCM, 16u16),
    };
    let mut out = Vec::with_capacity(format.header_len());
    out.extend_from_slice(b"RIFF");
    out.extend_from_slice(&size(data.saturating_add(format.header_len() as u64 - 8)));
    out.extend_from_slice(b"WAVEfmt ");
    out.extend_from_slice(&if tag == TAG_PCM { 16u32 } else { 18u32 }.to_le_bytes());
    out.extend_from_slice(&tag.to_le_bytes());
    out.extend_from_slice(&layout.channels.to_le_bytes());
    out.extend_from_slice(&layout.rate.to_le_bytes());
    out.extend_from_slice(&(layout.rate * frame_bytes as u32).to_le_bytes());
    out.extend_from_slice(&(frame_bytes as u16).to_le_bytes());
    out.extend_from_slice(&bits.to_le_bytes());
    if tag != TAG_PCM {
        out.extend_from_slice(&0u16.to_le_bytes());
        out.extend_from_slice(b"fact");
        out.extend_from_slice(&4u32.to_le_bytes());
        out.extend_from_slice(&size(frames));
    }
    out.extend_from_slice(b"data");
    out.extend_from_slice(&size(data));
    out
}

/// The header of a PCM file of any number of channels; None where 32 bits do not hold its size. Three and
/// more are told as channels that belong to no loudspeaker. (`WAVE_FORMAT_EXTENSIBLE`, Microsoft 2001)
pub fn pcm_header(channels: u16, rate: u32, frames: u64) -> Option<Vec<u8>> {
    let layout = Layout { format: Format::Pcm16, channels, rate };
    let data = frames.checked_mul(layout.frame_bytes() as u64)?;
    u32::try_from(data.checked_add(EXTENDED_LEN)?).ok()?;
    let plain = header(layout, frames);
    if channels <= 2 {
        return Some(plain);
    }
    let mut out = b"RIFF".to_vec();
    out.extend_from_slice(&size(data + EXTENDED_LEN - 8));
    out.extend_from_slice(b"WAVEfmt ");
    out.extend_from_slice(&40u32.to_le_bytes());
    out.extend_from_slice(&TAG_EXTENSIBLE.to_le_bytes());
    out.extend_from_slice(plain.get(22..36)?);
    // 22 bytes more: the valid bits, no loudspeakers, and the GUID of PCM.
    out.extend_from_slice(&[22, 0, 16, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0x10, 0]);
    out.extend_from_slice(&[0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71]);
    out.extend_from_slice(b"data");
    out.extend_from_slice(&size(data));
    Some(out)
}

/// What a file that was cut off needs: the right header, and how long it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    pub layout: Layout,
    pub frames: u64,
    /// To be written over the file's first bytes.
    pub header: Vec<u8>,
    /// The file's length without its torn last frame.
    pub file_len: u64,
}

/// The repair of a file from its first bytes and its length. `otherwise` is the layout where the
/// head does not tell (the machine lost power before the first block reached the disk).
pub fn repair(head: &[u8], file_len: u64, otherwise: Layout) -> Repair {
    let layout = layout_of(head).unwrap_or(otherwise);
    let frames = layout.frames_in(file_len).min(layout.frames_within(u64::MAX));
    let file_len = layout.format.header_len() as u64 + frames * layout.frame_bytes() as u64;
    Repair { layout, frames, header: header(layout, frames), file_len }
}

/// The layout that one of our own headers tells, whatever sizes it holds.
pub fn layout_of(head: &[u8]) -> Option<Layout> {
    let narrow = [Format::Alaw, Format::Pcm16].into_iter().flat_map(|format| [format.stereo(), format.mono()]);
    let mut ours = narrow.chain([Format::Mulaw.mono(), Format::Pcm16.mono().at(WIDE_RATE)]);
    ours.find(|layout| {
        let ours = header(*layout, 0);
        let sizes =
            |at: usize| matches!(at, 4..8) || at + 4 >= ours.len() || (ours.len() == 58 && matches!(at, 46..50));
        head.len() >= ours.len() && ours.iter().zip(head).enumerate().all(|(at, (want, got))| want == got || sizes(at))
    })
}

/// Frames that the header claims (its `data` size), for a file of ours.
pub fn claimed_frames(head: &[u8]) -> Option<u64> {
    let layout = layout_of(head)?;
    let at = layout.format.header_len() - 4;
    let size: [u8; 4] = head.get(at..at + 4)?.try_into().ok()?;
    Some(u64::from(u32::from_le_bytes(size)) / layout.frame_bytes() as u64)
}

fn size(value: u64) -> [u8; 4] {
    u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes()
}
