//! The shape of a lesion: a lobed ellipsoid with an optional core and a rim of edema.

/// Part of a lesion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LesionPart {
    /// Enhancing tissue.
    Enhancing,
    /// Core without enhancement.
    Core,
    /// Edema around it.
    Edema,
}

/// A lesion in head coordinates, mm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lesion {
    /// Its middle.
    pub center: [f64; 3],
    /// Semi-axes before the lobes.
    pub radii: [f64; 3],
    /// Height of the lobes as a share of the radius.
    pub lobes: f64,
    /// Radius of the core as a share of the lesion's; 0: none.
    pub core: f64,
    /// Width of the edema.
    pub edema: f64,
}

impl Lesion {
    /// What part of the lesion stands at a position.
    pub fn part(&self, at: [f64; 3]) -> Option<LesionPart> {
        let offset: [f64; 3] = std::array::from_fn(|k| (at[k] - self.center[k]) / self.radii[k]);
        let radius = offset.iter().map(|value| value * value).sum::<f64>().sqrt();
        let mean_radius = self.radii.iter().sum::<f64>() / 3.0;
        let reach = 1.0 + self.edema / mean_radius;
        if radius > reach * 1.4 {
            return None;
        }
        let (outer, inner) = if radius > 0.0 { lobes(offset.map(|value| value / radius)) } else { (0.0, 0.0) };
        let surface = 1.0 + self.lobes * outer;
        if radius < self.core * (1.0 + 1.5 * self.lobes * inner) {
            Some(LesionPart::Core)
        } else if radius < surface {
            Some(LesionPart::Enhancing)
        } else if self.edema > 0.0 && radius < surface + (reach - 1.0) * (1.0 + 0.3 * inner) {
            Some(LesionPart::Edema)
        } else {
            None
        }
    }

    /// The same lesion with a volume `factor` times as large.
    pub fn grown(&self, factor: f64) -> Self {
        let scale = factor.cbrt();
        Self { radii: self.radii.map(|radius| radius * scale), ..*self }
    }
}

/// Two irregular surfaces over the unit sphere, in about -1..1, from low spherical harmonics.
fn lobes([x, y, z]: [f64; 3]) -> (f64, f64) {
    let three = x * (x * x - 3.0 * y * y);
    let twisted = z * (x * x - y * y);
    let tilted = y * (5.0 * z * z - 1.0) / 2.0;
    (0.9 * three + 1.2 * twisted + 1.2 * x * y - 0.8 * tilted, 1.1 * tilted - 0.9 * three + 1.4 * y * z + 0.6 * x)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BALL: Lesion = Lesion { center: [30.0, 0.0, 10.0], radii: [12.0; 3], lobes: 0.12, core: 0.5, edema: 8.0 };

    fn volume_ml(lesion: &Lesion) -> f64 {
        let count = (0..60_usize.pow(3))
            .filter(|i| {
                let at = [i % 60, i / 60 % 60, i / 3600].map(|k| k as f64 - 29.5);
                let at: [f64; 3] = std::array::from_fn(|k| at[k] + lesion.center[k]);
                matches!(lesion.part(at), Some(LesionPart::Core | LesionPart::Enhancing))
            })
            .count();
        count as f64 / 1e3
    }

    #[test]
    fn parts_follow_each_other_from_the_middle_outward() {
        let part = |x: f64| BALL.part([30.0 + x, 0.0, 10.0]);
        assert_eq!(part(0.0), Some(LesionPart::Core));
        assert_eq!(part(10.0), Some(LesionPart::Enhancing));
        assert_eq!(part(17.0), Some(LesionPart::Edema));
        assert_eq!(part(40.0), None);
    }

    #[test]
    fn growth_by_60_percent_is_60_percent_of_volume() {
        let ratio = volume_ml(&BALL.grown(1.6)) / volume_ml(&BALL);
        assert!((ratio - 1.6).abs() < 0.01, "{ratio}");
    }
}
