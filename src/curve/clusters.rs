//! Groups of similar curves by k-means (Lloyd, IEEE Trans Inf Theory 1982;28:129), from a given start: the same curves
//! always give the same groups.

use multiversion::multiversion;

/// Rounds after which the search ends even if curves still change groups.
const LARGEST_ROUNDS: usize = 100;

/// The group of each curve.
///
/// `rows` holds the curves `[frame][curve]`, `start` the group in which each begins (`0..groups`). A group that loses
/// all its curves stays empty.
///
/// # Panics
/// When `rows` is not a whole number of frames of `start.len()` values, or a start lies outside the groups.
pub fn cluster_curves(rows: &[f32], start: &[usize], groups: usize) -> Vec<usize> {
    let count = start.len();
    if count == 0 {
        return Vec::new();
    }
    assert!(rows.len().is_multiple_of(count) && start.iter().all(|&group| group < groups), "curves begin in a group");
    let frames = rows.len() / count;
    let mut assigned = start.to_vec();
    let mut distances = vec![vec![0.0; count]; groups];
    for _ in 0..LARGEST_ROUNDS {
        let (centers, sizes) = group_means(rows, &assigned, groups, frames);
        for ((distances, center), &size) in distances.iter_mut().zip(&centers).zip(&sizes) {
            if size == 0 {
                distances.fill(f64::INFINITY);
            } else {
                squared_distances(rows, center, distances);
            }
        }
        let mut changed = false;
        for curve in 0..count {
            let nearest = (1..groups)
                .fold(0, |best, group| if distances[group][curve] < distances[best][curve] { group } else { best });
            changed |= nearest != assigned[curve];
            assigned[curve] = nearest;
        }
        if !changed {
            break;
        }
    }
    assigned
}

/// The mean curve of each group (empty groups: zeros) and how many curves it holds.
pub fn group_means(rows: &[f32], assigned: &[usize], groups: usize, frames: usize) -> (Vec<Vec<f64>>, Vec<usize>) {
    let mut sums = vec![vec![0.0; frames]; groups];
    let mut sizes = vec![0usize; groups];
    for &group in assigned {
        sizes[group] += 1;
    }
    for (frame, row) in rows.chunks_exact(assigned.len().max(1)).enumerate() {
        for (&value, &group) in row.iter().zip(assigned) {
            sums[group][frame] += f64::from(value);
        }
    }
    for (sum, &size) in sums.iter_mut().zip(&sizes) {
        sum.iter_mut().for_each(|value| *value /= size.max(1) as f64);
    }
    (sums, sizes)
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
fn squared_distances(rows: &[f32], center: &[f64], distances: &mut [f64]) {
    distances.fill(0.0);
    for (row, &center) in rows.chunks_exact(distances.len()).zip(center) {
        for (distance, &value) in distances.iter_mut().zip(row) {
            let difference = f64::from(value) - center;
            *distance += difference * difference;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_heaps_are_told_apart_from_a_mixed_start() {
        // curves (0,0) (0,1) (9,9) (10,9) as [frame][curve]
        let rows = [0.0, 0.0, 9.0, 10.0, 0.0, 1.0, 9.0, 9.0];
        assert_eq!(cluster_curves(&rows, &[0, 1, 1, 1], 2), [0, 0, 1, 1]);
        let (means, sizes) = group_means(&rows, &[0, 0, 1, 1], 2, 2);
        assert_eq!((means, sizes), (vec![vec![0.0, 0.5], vec![9.5, 9.0]], vec![2, 2]));
    }

    #[test]
    fn an_empty_group_stays_empty() {
        assert_eq!(cluster_curves(&[1.0, 2.0, 30.0], &[0, 0, 2], 3), [0, 0, 2]);
        assert_eq!(cluster_curves(&[], &[], 3), Vec::<usize>::new());
    }
}
