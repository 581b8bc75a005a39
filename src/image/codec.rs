//! Stored samples to values: `value = stored · scl_slope + scl_inter`, in f64, for every real type of the NIfTI standard.

use nifti::{Endianness, NiftiType};

/// How a file stores its samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Codec {
    /// Type of a stored sample.
    pub sample: SampleType,
    /// Byte order.
    pub order: Endianness,
    /// Scale: 1 where the header gives none.
    pub slope: f64,
    /// Offset: 0 where the header gives no scale.
    pub intercept: f64,
}

/// The integer and real types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SampleType {
    Int8,
    Uint8,
    Int16,
    Uint16,
    Int32,
    Uint32,
    Int64,
    Uint64,
    Float32,
    Float64,
}

impl SampleType {
    /// From the header's `datatype`; the error says what the code stands for.
    pub fn from_code(code: i16) -> Result<Self, String> {
        let header = nifti::NiftiHeader { datatype: code, ..Default::default() };
        let data_type = header.data_type().map_err(|_| format!("code {code}"))?;
        Ok(match data_type {
            NiftiType::Int8 => Self::Int8,
            NiftiType::Uint8 => Self::Uint8,
            NiftiType::Int16 => Self::Int16,
            NiftiType::Uint16 => Self::Uint16,
            NiftiType::Int32 => Self::Int32,
            NiftiType::Uint32 => Self::Uint32,
            NiftiType::Int64 => Self::Int64,
            NiftiType::Uint64 => Self::Uint64,
            NiftiType::Float32 => Self::Float32,
            NiftiType::Float64 => Self::Float64,
            NiftiType::Complex64 | NiftiType::Complex128 | NiftiType::Complex256 => {
                return Err(format!("complex numbers (code {code})"));
            }
            NiftiType::Rgb24 | NiftiType::Rgba32 => return Err(format!("colors (code {code})")),
            NiftiType::Float128 => return Err(format!("128-bit floats (code {code})")),
        })
    }

    /// Bytes of a sample.
    pub fn size(self) -> usize {
        match self {
            Self::Int8 | Self::Uint8 => 1,
            Self::Int16 | Self::Uint16 => 2,
            Self::Int32 | Self::Uint32 | Self::Float32 => 4,
            Self::Int64 | Self::Uint64 | Self::Float64 => 8,
        }
    }
}

impl Codec {
    /// The values of `bytes`, computed in f64 and then narrowed to `T`: one per place in `values`.
    pub fn decode<T: FromValue>(&self, bytes: &[u8], values: &mut [T]) {
        match self.sample {
            SampleType::Int8 => self.each(bytes, values, |b| f64::from(i8::from_le_bytes(b))),
            SampleType::Uint8 => self.each(bytes, values, |b| f64::from(u8::from_le_bytes(b))),
            SampleType::Int16 => self.each(bytes, values, |b| f64::from(i16::from_le_bytes(b))),
            SampleType::Uint16 => self.each(bytes, values, |b| f64::from(u16::from_le_bytes(b))),
            SampleType::Int32 => self.each(bytes, values, |b| f64::from(i32::from_le_bytes(b))),
            SampleType::Uint32 => self.each(bytes, values, |b| f64::from(u32::from_le_bytes(b))),
            SampleType::Int64 => self.each(bytes, values, |b| i64::from_le_bytes(b) as f64),
            SampleType::Uint64 => self.each(bytes, values, |b| u64::from_le_bytes(b) as f64),
            SampleType::Float32 => self.each(bytes, values, |b| f64::from(f32::from_le_bytes(b))),
            SampleType::Float64 => self.each(bytes, values, f64::from_le_bytes),
        }
    }

    /// Whether every value is 0 because every byte is: so are most rows of a label map.
    pub fn all_zero(&self, bytes: &[u8]) -> bool {
        self.intercept == 0.0 && bytes.iter().fold(0, |any, &byte| any | byte) == 0
    }

    /// The stored 16-bit integers themselves, without scale.
    pub fn stored_int16(&self, bytes: &[u8], stored: &mut [i16]) {
        debug_assert_eq!(self.sample, SampleType::Int16);
        let (samples, _) = bytes.as_chunks::<2>();
        match self.order {
            Endianness::Little => {
                for (stored, &sample) in stored.iter_mut().zip(samples) {
                    *stored = i16::from_le_bytes(sample);
                }
            }
            Endianness::Big => {
                for (stored, &sample) in stored.iter_mut().zip(samples) {
                    *stored = i16::from_be_bytes(sample);
                }
            }
        }
    }

    /// Four plain loops, so that the compiler makes vector code of each. `little` reads a little-endian sample.
    fn each<const N: usize, T: FromValue>(
        &self,
        bytes: &[u8],
        values: &mut [T],
        little: impl Fn([u8; N]) -> f64 + Copy,
    ) {
        let (samples, _) = bytes.as_chunks::<N>();
        let pairs = values.iter_mut().zip(samples);
        let big = |mut sample: [u8; N]| {
            sample.reverse();
            little(sample)
        };
        let (slope, intercept) = (self.slope, self.intercept);
        match (self.order, slope == 1.0 && intercept == 0.0) {
            (Endianness::Little, true) => pairs.for_each(|(value, &s)| *value = T::from_value(little(s))),
            (Endianness::Big, true) => pairs.for_each(|(value, &s)| *value = T::from_value(big(s))),
            (Endianness::Little, false) => {
                pairs.for_each(|(value, &s)| *value = T::from_value(little(s) * slope + intercept));
            }
            (Endianness::Big, false) => {
                pairs.for_each(|(value, &s)| *value = T::from_value(big(s) * slope + intercept));
            }
        }
    }
}

/// What a value is kept as.
pub(super) trait FromValue: Copy {
    /// Rounds to the nearest value that the type holds.
    fn from_value(value: f64) -> Self;
}

impl FromValue for f32 {
    fn from_value(value: f64) -> Self {
        value as Self
    }
}

impl FromValue for f64 {
    fn from_value(value: f64) -> Self {
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codec(sample: SampleType, order: Endianness, slope: f64, intercept: f64) -> Codec {
        Codec { sample, order, slope, intercept }
    }

    #[test]
    fn integers_are_scaled_before_they_are_narrowed() {
        // 2^24 + 1 has no f32; (2^24 + 1) · 0.5 - 2^23 = 0.5 does.
        let codec = codec(SampleType::Int32, Endianness::Little, 0.5, -8_388_608.0);
        let mut values = [0.0_f32];
        codec.decode(&16_777_217_i32.to_le_bytes(), &mut values);
        assert_eq!(values, [0.5]);
    }

    #[test]
    fn both_byte_orders_give_the_same_value() {
        let mut values = [0.0_f32; 2];
        codec(SampleType::Float64, Endianness::Big, 2.0, 10.0)
            .decode(&[1.5_f64.to_be_bytes(), (-3.0_f64).to_be_bytes()].concat(), &mut values);
        assert_eq!(values, [13.0, 4.0]);
        codec(SampleType::Uint16, Endianness::Big, 1.0, 0.0).decode(&[0xff, 0xfe, 0x00, 0x01], &mut values);
        assert_eq!(values, [65534.0, 1.0]);
        let mut stored = [0_i16; 2];
        codec(SampleType::Int16, Endianness::Big, 3.0, 1.0).stored_int16(&[0xff, 0xfe, 0x01, 0x00], &mut stored);
        assert_eq!(stored, [-2, 256]);
    }

    #[test]
    fn bytes_of_zero_are_values_of_zero_unless_an_offset_is_added() {
        assert!(codec(SampleType::Float32, Endianness::Big, 3.0, 0.0).all_zero(&[0; 8]));
        assert!(!codec(SampleType::Float32, Endianness::Big, 3.0, 1.0).all_zero(&[0; 8]));
        assert!(!codec(SampleType::Uint8, Endianness::Little, 1.0, 0.0).all_zero(&[0, 0, 4]));
    }

    #[test]
    fn colors_and_complex_numbers_are_named() {
        assert_eq!(SampleType::from_code(128).unwrap_err(), "colors (code 128)");
        assert_eq!(SampleType::from_code(32).unwrap_err(), "complex numbers (code 32)");
        assert_eq!(SampleType::from_code(3).unwrap_err(), "code 3");
    }
}
