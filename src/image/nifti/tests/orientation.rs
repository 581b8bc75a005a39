//! However a file is stored, the same image comes out.

use super::*;

/// The value of a scene at a scanner position and a time: every voxel and frame its own.
fn scene(at: [f64; 3], frame: usize) -> i16 {
    (at[0] + 11.0 * at[1] + 131.0 * at[2]) as i16 + 2000 * frame as i16
}

#[test]
fn all_48_orientations_of_a_file_give_the_same_bits() {
    let folder = Folder::new();
    let frames = 3;
    let mut first: Option<(Volume, Labels, Mask, Series, Series)> = None;
    for (stored_shape, affine) in orientations() {
        let [nx, ny, nz] = stored_shape.map(|size| size as i16);
        let values = |frame: usize| -> Vec<i16> {
            (0..60)
                .map(|i| {
                    [i % stored_shape[0], i / stored_shape[0] % stored_shape[1], i / stored_shape[0] / stored_shape[1]]
                })
                .map(|voxel| scene(affine.apply(voxel.map(|i| i as f64)), frame))
                .collect()
        };
        let rows = affine.0.as_flattened().iter().map(|&value| value as f32).collect::<Vec<_>>();
        let volume = File::version_1(false, &[nx, ny, nz], 4, 16).f32(280, &rows).int16(&values(0));
        let regions: Vec<i16> = values(0).iter().map(|value| i16::from(value % 3 == 0)).collect();
        let regions = File::version_1(true, &[nx, ny, nz], 4, 16).f32(280, &rows).int16(&regions);
        let all: Vec<i16> = (0..frames).flat_map(values).collect();
        let series = File::version_1(true, &[nx, ny, nz, frames as i16], 4, 16).f32(280, &rows).int16(&all);
        let floats: Vec<u8> = all.iter().flat_map(|&value| f32::from(value).to_le_bytes()).collect();
        let float_series = File::version_1(false, &[nx, ny, nz, frames as i16], 16, 32).f32(280, &rows).data(&floats);

        let open = |file: &File| folder.open(&file.gzip()).unwrap();
        let grid = *open(&volume).grid();
        assert_eq!(grid.shape(), [3, 4, 5]);
        let canonical = Grid::from_stored(grid.shape(), *grid.affine()).unwrap();
        let mut mask = open(&regions).read_mask().unwrap();
        let mut read = (
            open(&volume).read_volume().unwrap(),
            open(&volume).read_labels().unwrap(),
            mask.clone(),
            open(&series).read_series(&mask).unwrap(),
            open(&float_series).read_series(&mask).unwrap(),
        );
        let chosen = open(&series).read_series_with(2, |leading| {
            assert_eq!(leading.len(), 2);
            assert_eq!(leading[0], read.0);
            Ok::<_, ImageError>(mask.clone())
        });
        assert_eq!(chosen.unwrap(), read.3);
        open(&series)
            .for_each_frame(|frame, volume| {
                for index in 0..60 {
                    let at = grid.position(grid.voxel(index));
                    assert_eq!(volume.data[index], f32::from(scene(at, frame)));
                }
                Ok::<_, ImageError>(())
            })
            .unwrap();
        for (row, index) in mask.indices().enumerate() {
            let at = grid.position(grid.voxel(index));
            let curve: Vec<f32> = (0..frames).map(|frame| f32::from(scene(at, frame))).collect();
            assert_eq!(read.3.curve(row), curve);
            assert_eq!(read.4.curve(row), curve);
        }
        // Only the memory of how it was stored may differ.
        for stored in
            [&mut read.0.grid, &mut read.1.grid, &mut read.2.grid, &mut read.3.mask.grid, &mut read.4.mask.grid]
        {
            assert_eq!(stored.storage(), grid.storage());
            *stored = canonical;
        }
        mask.grid = canonical;
        match &first {
            None => first = Some(read),
            Some(first) => assert!(*first == read, "{affine:?}"),
        }
    }
}

#[test]
fn the_mask_can_be_chosen_from_any_number_of_leading_frames() {
    let folder = Folder::new();
    let bytes = File::version_1(false, &[2, 2, 2, 3], 4, 16).int16(&(0..24).collect::<Vec<_>>()).bytes;
    let grid = *folder.open(&bytes).unwrap().grid();
    let mask = Mask { grid, data: (0..8).map(|i| i > 4).collect() };
    let expected = folder.open(&bytes).unwrap().read_series(&mask).unwrap();
    for leading in [0, 1, 3, 100] {
        let read = folder.open(&bytes).unwrap().read_series_with(leading, |frames| {
            assert_eq!(frames.len(), leading.min(3));
            Ok::<_, ImageError>(mask.clone())
        });
        assert_eq!(read.unwrap(), expected, "{leading} frames");
    }
    let empty = folder.open(&bytes).unwrap().read_series(&Mask::filled(grid, false)).unwrap();
    assert_eq!((empty.voxels, empty.frames), (0, 3));
}
