//! The committed page of accuracy is what the command makes.

use std::path::Path;

use relight::phantom::accuracy_page;

#[test]
fn the_page_of_accuracy_is_what_the_program_makes() {
    let settings = relight::settings::Settings::load(None).unwrap();
    let page = accuracy_page(&settings.dsc).unwrap();
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let read =
        |path: &Path| std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let words = "make it again with `relight phantom --accuracy docs`";
    assert!(read(&docs.join("accuracy.md")) == page.text, "docs/accuracy.md is not what the program makes: {words}");
    for (name, drawing) in &page.charts {
        assert!(read(&docs.join("accuracy").join(name)) == *drawing, "docs/accuracy/{name}: {words}");
    }
    let committed = std::fs::read_dir(docs.join("accuracy")).unwrap().count();
    assert_eq!(committed, page.charts.len(), "docs/accuracy holds a chart that is no longer made");
}
