"""The pages of an output in headless Chromium, opened from file://.

    python tests/browser/check.py OUTPUT

No request leaves the machine, axe-core finds no violation at any width, light or dark, the value under the crosshair is
that of the NIfTI map within half the step that the page states, sessions are compared, the table sorts and filters,
marks and rows find each other, the page prints, and it is readable without a script.
"""

import gzip
import math
import pathlib
import re
import shutil
import struct
import sys

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

WIDTHS = [390, 1100, 1600]
MOST_BYTES = 5_000_000


class Nifti:
    """A NIfTI-1 volume of 32-bit floats with its affine, read with nothing but the standard library."""

    def __init__(self, path):
        data = gzip.decompress(path.read_bytes())
        assert struct.unpack_from("<i", data)[0] == 348, path
        self.shape = struct.unpack_from("<8h", data, 40)[1:4]
        datatype = struct.unpack_from("<h", data, 70)[0]
        offset, slope, intercept = (int(struct.unpack_from("<f", data, 108)[0]), *struct.unpack_from("<2f", data, 112))
        assert datatype == 16, f"{path}: expected float32, found data type {datatype}"
        assert struct.unpack_from("<h", data, 254)[0] > 0, f"{path}: expected an sform"
        rows = [struct.unpack_from("<4f", data, 280 + 16 * row) for row in range(3)]
        self.slope, self.intercept = (slope, intercept) if slope else (1.0, 0.0)
        count = self.shape[0] * self.shape[1] * self.shape[2]
        self.values = struct.unpack_from(f"<{count}f", data, offset)
        self.inverse, self.origin = inverted([row[:3] for row in rows]), [row[3] for row in rows]

    def at(self, place):
        """The value of the voxel that holds a place, None outside; and how far the place is from its border."""
        moved = [place[k] - self.origin[k] for k in range(3)]
        exact = [sum(self.inverse[row][k] * moved[k] for k in range(3)) for row in range(3)]
        voxel = [math.floor(k + 0.5) for k in exact]
        border = min(0.5 - abs(exact[k] - voxel[k]) for k in range(3))
        if any(not 0 <= voxel[k] < self.shape[k] for k in range(3)):
            return None, border
        x, y, z = voxel
        return self.values[x + self.shape[0] * (y + self.shape[1] * z)] * self.slope + self.intercept, border


def inverted(m):
    """The inverse of a 3 x 3 matrix, by cofactors."""
    (a, b, c), (d, e, f), (g, h, i) = m
    determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    cofactors = [
        [e * i - f * h, c * h - b * i, b * f - c * e],
        [f * g - d * i, a * i - c * g, c * d - a * f],
        [d * h - e * g, b * g - a * h, a * e - b * d],
    ]
    return [[value / determinant for value in row] for row in cofactors]


def number(text):
    return float(text.replace("\u2212", "-"))


def open_page(browser, path, **options):
    """A page that notes each request and each error."""
    context = browser.new_context(**options)
    page = context.new_page()
    page.requests_seen, page.errors_seen = [], []
    page.on("request", lambda request: page.requests_seen.append(request.url))
    page.on("pageerror", lambda error: page.errors_seen.append(str(error)))
    page.on("console", lambda message: page.errors_seen.append(message.text) if message.type == "error" else None)
    page.goto(path.as_uri())
    return page


def close_page(page):
    elsewhere = [url for url in page.requests_seen if not url.startswith(("file://", "data:", "blob:"))]
    files = [url for url in page.requests_seen if url.startswith("file://")]
    assert not elsewhere, f"requests: {elsewhere}"
    assert len(set(url.split("#")[0] for url in files)) == 1, f"other files: {files}"
    assert not page.errors_seen, page.errors_seen
    page.context.close()


def started_viewer(page):
    """The first viewer of a page, ready."""
    viewer = page.locator("[data-viewer]").first
    page.locator("section.images").first.scroll_into_view_if_needed()
    page.wait_for_selector("[data-viewer][data-ready=yes]", timeout=20_000)
    return viewer


def no_violation(page, name):
    results = Axe().run(page)
    found = [(violation["id"], [node["target"] for node in violation["nodes"]][:3]) for violation in results.response["violations"]]
    assert not found, f"{name}: {found}"


def accessible(browser, path):
    for width in WIDTHS:
        for scheme in ["light", "dark"]:
            page = open_page(browser, path, viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce")
            if page.locator("[data-viewer]").count():
                started_viewer(page)
            no_violation(page, f"{path.name} at {width}, {scheme}")
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, f"{path.name} at {width}: the page is {wide} px too wide"
            close_page(page)
    print(f"{path.name}: axe-core finds no violation at {WIDTHS}, light and dark; no request; never too wide")


def place_of(viewer):
    text = viewer.locator("table.at thead th").first.inner_text()
    return [number(found) for found in re.findall(r"[xyz] ([\u2212\d.]+)", text)]


def row_of(viewer, layer):
    """Value, text and step of a layer at the crosshair."""
    data = viewer.locator(f"data[data-layer='{layer}']").first
    step = data.locator("xpath=ancestor::tr").locator("td").last.inner_text()
    return data.get_attribute("value"), data.inner_text(), float(step)


def settle(page):
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def crosshair(browser, path, maps):
    """Moves through a viewer and compares with the maps: layer to NIfTI file."""
    page = open_page(browser, path, viewport={"width": 1100, "height": 1000})
    viewer = started_viewer(page)
    volumes = {layer: Nifti(file) for layer, file in maps.items()}
    axial = viewer.locator("[data-set=now] canvas[data-plane=axial]")
    compared, steps = 0, {}
    start = place_of(viewer)
    keys = ["ArrowRight", "ArrowUp", "PageUp", "PageUp", "ArrowLeft", "PageDown", "ArrowDown"]
    for place in range(20):
        # Spread over the plane without chance: fractions of two irrational numbers.
        across, down = (0.25 + 0.5 * (place * step % 1) for step in (0.754878, 0.569840))
        key = keys[place % len(keys)]
        box = axial.bounding_box()
        axial.click(position={"x": across * box["width"], "y": down * box["height"]})
        axial.press(key)
        settle(page)
        at = place_of(viewer)
        for layer, volume in volumes.items():
            raw, text, step = row_of(viewer, layer)
            expected, border = volume.at(at)
            if border < 1e-3:
                continue  # Exactly between two voxels: either is right.
            if expected is None or math.isnan(expected):
                assert raw == "NaN" and text == "not estimated", (at, layer, raw, expected)
            elif raw != "NaN":
                assert abs(float(raw) - expected) <= step / 2 + 1e-6 * max(1, abs(expected)), (at, layer, raw, expected, step)
                assert abs(number(text) - float(raw)) <= step / 2, (text, raw)
                compared += 1
                steps[layer] = step
    assert compared >= 8, f"only {compared} values were compared"
    # Left and right change sides; the place under the crosshair does not.
    viewer.locator("[data-control=neurological]").click()
    settle(page)
    assert "patient left on the left" in axial.get_attribute("aria-label")
    assert place_of(viewer) == at
    axial.press("Home")
    settle(page)
    assert place_of(viewer) == start
    axial.press("o")
    assert viewer.locator("[data-control=outline]").get_attribute("aria-pressed") == "false"
    before = axial.evaluate("canvas => canvas.toDataURL()")
    viewer.locator("[data-control=window]").fill("60")
    settle(page)
    assert axial.evaluate("canvas => canvas.toDataURL()") != before, "the window changes nothing"
    axial.press("0")
    close_page(page)
    told = ", ".join(f"{layer} within half of {step:g}" for layer, step in steps.items())
    print(f"{path.name}: {compared} values under the crosshair are those of the maps: {told}")


def compared_sessions(browser, path):
    page = open_page(browser, path, viewport={"width": 1100, "height": 1000})
    viewer = started_viewer(page)
    mode = viewer.locator("[data-control=mode]")
    mode.select_option("side")
    settle(page)
    assert viewer.locator("[data-set=then]").is_visible()
    labels = viewer.locator(".which").all_inner_texts()
    assert len(set(labels)) == 2, labels
    cells = viewer.locator("table.at tbody tr", has=page.locator("data[data-layer=rcbv]")).locator("td").all_inner_texts()
    now, then, difference, step = cells[0], cells[1], cells[2], float(cells[3])
    if "not estimated" not in (now, then):
        assert abs(number(difference.lstrip("+")) - (number(now) - number(then))) <= step + 1e-9, cells
    mode.select_option("difference")
    settle(page)
    assert " minus " in viewer.locator(".which").first.inner_text()
    axial = viewer.locator("[data-set=now] canvas[data-plane=axial]")
    axial.press("d")
    axial.press("f")
    seen = set()
    for _ in range(40):
        seen.add(viewer.locator(".which").first.inner_text())
        if len(seen) == 2:
            break
        page.wait_for_timeout(100)
    assert len(seen) == 2, f"no flicker: {seen}"
    close_page(page)
    print(f"{path.name}: side by side, subtraction and flicker")


def study(browser, path):
    page = open_page(browser, path, viewport={"width": 1100, "height": 1000})
    rows = page.locator("table.list tbody tr")
    count = rows.count()
    assert page.locator("#shown").inner_text() == f"{count} of {count}"
    # Sorting: ascending, then descending; what was not measured stays at the end.
    column = page.locator("table.list thead th").all_inner_texts().index("rCBV")
    values = lambda: page.evaluate(
        "column => [...document.querySelectorAll('table.list tbody tr')].map(row => row.cells[column].querySelector('data')?.value ?? null)", column
    )
    for direction in ["ascending", "descending"]:
        page.locator("table.list thead button", has_text="rCBV").click()
        assert page.locator("table.list thead th").nth(column).get_attribute("aria-sort") == direction
        found = values()
        known = [float(value) for value in found if value is not None]
        assert known == sorted(known, reverse=direction == "descending"), found
        assert found[: len(known)] == [value for value in found if value is not None], found
    # Filtering by result and by label.
    button = page.locator(".seg button").nth(1)
    result = button.get_attribute("data-result")
    button.press("Enter")
    visible = page.locator("table.list tbody tr:visible")
    assert 0 < visible.count() <= count
    assert all(row.get_attribute("data-result") == result for row in visible.all())
    page.locator(".seg button").first.click()
    page.locator("#find").fill("sub-03")
    assert visible.count() == 1 and "sub-03" in visible.first.inner_text()
    page.locator("#find").fill("no such lesion")
    assert visible.count() == 0 and page.locator("#shown").inner_text() == f"0 of {count}"
    page.locator("#find").fill("")
    # A mark finds its row, a row its marks.
    mark = page.locator(".pts use").first
    row = mark.get_attribute("data-row")
    mark.scroll_into_view_if_needed()
    mark.hover(force=True)
    assert page.locator(f"tr[data-row='{row}'].on").count() == 1
    assert page.locator("#pointed").inner_text().startswith("sub-")
    page.locator(f"tr[data-row='{row}'] a").focus()
    assert page.locator(f".pts use.on[data-row='{row}']").count() >= 1
    # Every link of the page leads to a page of the output and to a place on it.
    for link in set(page.locator("main a").evaluate_all("links => links.map(link => link.getAttribute('href'))")):
        target, _, anchor = link.partition("#")
        file = path.parent / target if target else path
        assert f'id="{anchor}"' in file.read_text(encoding="utf-8"), link
    close_page(page)
    print(f"{path.name}: {count} rows sort and filter, marks and rows find each other, links lead somewhere")


def printed(browser, path):
    page = open_page(browser, path, viewport={"width": 1100, "height": 1000}, color_scheme="dark")
    page.emulate_media(media="print")
    for hidden in page.locator(".screen").all():
        assert not hidden.is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)", "paper is white"
    pdf = page.pdf(prefer_css_page_size=True)
    assert pdf.startswith(b"%PDF-")
    pages = len(re.findall(rb"/Type\s*/Page\b", pdf))
    assert pages >= 1
    close_page(page)
    print(f"{path.name}: prints {pages} A4 pages")


def without_script(browser, path):
    page = open_page(browser, path, viewport={"width": 1100, "height": 1000}, java_script_enabled=False)
    assert page.locator("h1").first.is_visible() and page.locator("main img").first.is_visible()
    if page.locator("[data-viewer]").count():
        assert not page.locator("[data-viewer]").first.is_visible()
        assert page.locator(".without").first.is_visible()
    assert not page.locator(".tools").count() or not page.locator(".tools").is_visible()
    close_page(page)
    print(f"{path.name}: readable without a script")


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert chromium, "no chromium on the path"
    pages = sorted(root.glob("*.html"))
    assert root / "index.html" in pages and len(pages) > 1, pages
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for path in pages:
            assert path.stat().st_size <= MOST_BYTES, f"{path.name}: {path.stat().st_size} bytes"
            accessible(browser, path)
            printed(browser, path)
            without_script(browser, path)
        for subject, session, layers in [("sub-01", "ses-01", True), ("sub-03", "ses-03", False)]:
            folder, stem = root / subject / session, f"{subject}_{session}"
            maps = {"rcbv": folder / "perf" / f"{stem}_desc-normalized_rcbv.nii.gz"}
            if layers:
                maps["MET-PET, tumor to background"] = folder / "pet" / f"{stem}_trc-MET_desc-tbr_pet.nii.gz"
            crosshair(browser, root / f"{subject}.html", maps)
        compared_sessions(browser, root / "sub-03.html")
        study(browser, root / "index.html")
        browser.close()


if __name__ == "__main__":
    main()
