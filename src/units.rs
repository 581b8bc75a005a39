//! Physical units as types, and their only conversions.
//!
//! Inside the program every time is in seconds and every length in millimeters, as OSIPI CAPLEX and the NIfTI
//! standard have it. A value that enters in another unit is converted here, once, by a function that names the unit.

use serde::{Deserialize, Serialize};

macro_rules! unit {
    ($(#[$doc:meta])* $name:ident, $symbol:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub f64);

        impl $name {
            /// The unit's symbol, as it is printed behind a value.
            pub const SYMBOL: &'static str = $symbol;

            /// The bare number, in this unit.
            pub const fn value(self) -> f64 {
                self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                if let Some(digits) = f.precision() {
                    write!(f, "{:.digits$} {}", self.0, $symbol)
                } else {
                    write!(f, "{} {}", self.0, $symbol)
                }
            }
        }
    };
}

unit!(/// A time or a duration.
    Seconds, "s");
unit!(/// A length.
    Millimeters, "mm");
unit!(/// A volume.
    Milliliters, "mL");
unit!(/// An angle.
    Degrees, "°");
unit!(/// A magnetic flux density.
    Tesla, "T");
unit!(/// A body mass.
    Kilograms, "kg");
unit!(/// A body height.
    Meters, "m");
unit!(/// An activity.
    Becquerels, "Bq");

impl Seconds {
    /// From milliseconds, as DICOM and CAPLEX write echo times.
    pub fn from_milliseconds(milliseconds: f64) -> Self {
        Self(milliseconds / 1e3)
    }

    /// From microseconds, as NIfTI headers may write the frame time.
    pub fn from_microseconds(microseconds: f64) -> Self {
        Self(microseconds / 1e6)
    }

    /// From minutes, as kinetic modelling writes times.
    pub fn from_minutes(minutes: f64) -> Self {
        Self(minutes * 60.0)
    }

    /// In minutes.
    pub fn minutes(self) -> f64 {
        self.0 / 60.0
    }

    /// In milliseconds.
    pub fn milliseconds(self) -> f64 {
        self.0 * 1e3
    }
}

impl Milliliters {
    /// From cubic millimeters, the product of a voxel's edges.
    pub fn from_cubic_millimeters(cubic_millimeters: f64) -> Self {
        Self(cubic_millimeters / 1e3)
    }

    /// In cubic millimeters.
    pub fn cubic_millimeters(self) -> f64 {
        self.0 * 1e3
    }
}

impl Meters {
    /// From centimeters.
    pub fn from_centimeters(centimeters: f64) -> Self {
        Self(centimeters / 1e2)
    }

    /// In centimeters, as the lean body mass formulas take it.
    pub fn centimeters(self) -> f64 {
        self.0 * 1e2
    }
}

impl Becquerels {
    /// From megabecquerels, as BIDS writes injected doses.
    pub fn from_megabecquerels(megabecquerels: f64) -> Self {
        Self(megabecquerels * 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_milliseconds_are_0_03_seconds() {
        assert_eq!(Seconds::from_milliseconds(30.0), Seconds(0.03));
    }

    #[test]
    fn a_milliliter_is_a_thousand_cubic_millimeters() {
        assert_eq!(Milliliters::from_cubic_millimeters(1000.0), Milliliters(1.0));
        assert_eq!(Milliliters(0.25).cubic_millimeters(), 250.0);
    }

    #[test]
    fn a_quantity_prints_with_its_unit() {
        assert_eq!(format!("{:.1}", Seconds(1.25)), "1.2 s");
        assert_eq!(Meters::from_centimeters(163.0).to_string(), "1.63 m");
    }
}
