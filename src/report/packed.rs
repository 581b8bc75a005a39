//! Pixels of a picture as text: deflated 32-bit floats in base64, so that a page can be drawn again without an image.

use std::io::{Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serializer};

/// Writes values as text.
pub fn serialize<S: Serializer>(values: &[f32], serializer: S) -> Result<S::Ok, S::Error> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(3));
    for value in values {
        encoder.write_all(&value.to_le_bytes()).map_err(S::Error::custom)?;
    }
    let bytes = encoder.finish().map_err(S::Error::custom)?;
    serializer.serialize_str(&STANDARD.encode(bytes))
}

/// Reads them back, bit for bit.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f32>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let packed = STANDARD.decode(text).map_err(D::Error::custom)?;
    let mut bytes = Vec::new();
    ZlibDecoder::new(packed.as_slice()).read_to_end(&mut bytes).map_err(D::Error::custom)?;
    let (values, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(D::Error::custom(format!("expected a multiple of 4 bytes of pixels, found {}", bytes.len())));
    }
    Ok(values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

#[cfg(test)]
mod tests {
    use crate::report::model::Raster;

    #[test]
    fn pixels_read_back_bit_for_bit_and_nan_stays_nan() {
        let raster = Raster { width: 2, height: 2, millimeters: 1.5, values: vec![0.1, -3.0, f32::NAN, 0.0] };
        let again: Raster = serde_json::from_str(&serde_json::to_string(&raster).unwrap()).unwrap();
        let bits = |raster: &Raster| raster.values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&again), bits(&raster));
    }

    #[test]
    fn damaged_pixels_are_an_error() {
        let text = r#"{"width":1,"height":1,"millimeters":1.0,"values":"no base64"}"#;
        assert!(serde_json::from_str::<Raster>(text).is_err());
    }
}
