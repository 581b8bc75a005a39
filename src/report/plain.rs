//! The words of a page without their markup, for paper: one wording for one thing, wherever it stands.

use maud::Markup;

/// The text of a markup; tags are left out, entities become what they stand for.
pub fn plain(markup: &Markup) -> String {
    let mut text = String::new();
    let mut rest = markup.0.as_str();
    while let Some(start) = rest.find('<') {
        text.push_str(&rest[..start]);
        rest = rest[start..].find('>').map_or("", |end| &rest[start + end + 1..]);
    }
    text.push_str(rest);
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use maud::html;

    use super::*;

    #[test]
    fn words_stay_and_markup_goes() {
        let name = "a < b & \"c\" &lt;";
        let markup = html! { p { "Background: " b title="x" { (name) } svg { path d="M0 0" {} } } };
        assert_eq!(plain(&markup), "Background: a < b & \"c\" &lt;");
    }
}
