//! One HTML file that needs nothing else: facts, figures, tables, and what can be unfolded.
//!
//! No script, no font and no picture is fetched; a policy in the head forbids it. The page follows
//! the reader's choice of light or dark, but figures keep the white sheet that they were drawn for.
//! All text is escaped; figures are the SVGs of [`plot`](crate::plot), which have no `id` that
//! could collide on a page.
//!
//! Not here: what makes the figures (`plot/`), which of them belong on a page, and the file.

use std::fmt::{self, Write};

use crate::markup::escape;

/// What a page shows, in this order.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Heading of the page, for example the data set and the seed.
    pub title: String,
    /// Paragraphs below it.
    pub introduction: Vec<String>,
    /// (label, value).
    pub facts: Vec<(String, String)>,
    /// Figures.
    pub figures: Vec<Figure>,
    /// Tables; those without a row are left out.
    pub tables: Vec<Table>,
    /// (summary, text): what is shown, letter by letter, when it is asked for.
    pub details: Vec<(String, String)>,
}

/// A picture with words.
#[derive(Clone, Debug, Default)]
pub struct Figure {
    /// What stands above it.
    pub heading: String,
    /// What stands below it; may be empty.
    pub caption: String,
    /// The picture.
    pub svg: String,
}

/// Numbers in rows.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// What stands above it.
    pub heading: String,
    /// The first column names the rows.
    pub columns: Vec<Column>,
    /// One cell for each column; see [`Table::number`] and [`Table::percent`].
    pub rows: Vec<Vec<String>>,
}

/// The head of a column.
#[derive(Clone, Copy, Debug, Default)]
pub struct Column {
    /// A heading that it shares with the columns beside it that have the same; empty for none.
    pub group: &'static str,
    /// Its own heading.
    pub name: &'static str,
}

const STYLE: &str = include_str!("page.css");

/// Nothing is fetched, and nothing is run.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// A longer value of a fact, such as a command, has a line of its own; a longer cell of a table is broken into lines.
const LONG: usize = 32;

impl Page {
    /// Returns the page as HTML.
    #[must_use]
    pub fn to_html(&self) -> String {
        let mut html = String::new();
        // Nothing can go wrong with a string.
        let written = write_page(&mut html, self);
        debug_assert!(written.is_ok(), "a string takes all that is written to it");
        html
    }
}

fn write_page(html: &mut String, page: &Page) -> fmt::Result {
    let title = escape(&page.title);
    write!(
        html,
        r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8" />
<meta http-equiv="Content-Security-Policy" content="{POLICY}" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<meta name="color-scheme" content="light dark" />
<title>{title}</title>
<style>
{STYLE}</style>
</head>
<body>
<main>
<h1>{title}</h1>
"#
    )?;
    for paragraph in &page.introduction {
        writeln!(html, "<p>{}</p>", escape(paragraph))?;
    }
    write_facts(html, &page.facts)?;
    for figure in &page.figures {
        write_figure(html, figure)?;
    }
    for table in page.tables.iter().filter(|table| !table.rows.is_empty()) {
        write_table(html, table)?;
    }
    for (summary, text) in &page.details {
        let (summary, text) = (escape(summary), escape(text));
        writeln!(
            html,
            "<details>\n<summary>{summary}</summary>\n<pre><code>{text}</code></pre>\n</details>"
        )?;
    }
    writeln!(html, "</main>\n</body>\n</html>")
}

fn write_facts(html: &mut String, facts: &[(String, String)]) -> fmt::Result {
    if facts.is_empty() {
        return Ok(());
    }
    writeln!(html, r#"<dl class="facts">"#)?;
    for (label, value) in facts {
        let class = if value.chars().count() > LONG { r#" class="long""# } else { "" };
        let (label, value) = (escape(label), escape(value));
        writeln!(html, "<div{class}><dt>{label}</dt><dd>{value}</dd></div>")?;
    }
    writeln!(html, "</dl>")
}

fn write_figure(html: &mut String, figure: &Figure) -> fmt::Result {
    let heading = escape(&figure.heading);
    writeln!(html, "<section>\n<h2>{heading}</h2>\n<figure>")?;
    // What comes before the element, such as an XML declaration, has no place inside a page.
    if let Some((_, element)) = figure.svg.split_once("<svg ") {
        writeln!(
            html,
            r#"<div class="sheet" tabindex="0" role="group" aria-label="{heading}"><svg role="img" aria-label="{heading}" {}</div>"#,
            element.trim_end()
        )?;
    }
    if !figure.caption.is_empty() {
        writeln!(html, "<figcaption>{}</figcaption>", escape(&figure.caption))?;
    }
    writeln!(html, "</figure>\n</section>")
}

fn write_table(html: &mut String, table: &Table) -> fmt::Result {
    let heading = escape(&table.heading);
    write!(
        html,
        r#"<section>
<h2>{heading}</h2>
<div class="scroll" tabindex="0" role="group" aria-label="Table: {heading}">
<table>
<thead>
<tr>"#
    )?;
    for group in table.columns.chunk_by(|a, b| !a.group.is_empty() && a.group == b.group) {
        let Column { group: name, name: own } = group[0];
        if name.is_empty() {
            write!(html, r#"<th scope="col" rowspan="2">{}</th>"#, escape(own))?;
        } else {
            let (span, name) = (group.len(), escape(name));
            write!(html, r#"<th scope="colgroup" colspan="{span}">{name}</th>"#)?;
        }
    }
    let mut below = table.columns.iter().filter(|column| !column.group.is_empty()).peekable();
    if below.peek().is_some() {
        write!(html, "</tr>\n<tr>")?;
    }
    for column in below {
        write!(html, r#"<th scope="col">{}</th>"#, escape(column.name))?;
    }
    writeln!(html, "</tr>\n</thead>\n<tbody>")?;
    for row in &table.rows {
        write!(html, "<tr>")?;
        for (k, cell) in row.iter().enumerate() {
            let cell = escape(cell);
            let class = if cell.chars().count() > LONG { r#" class="words""# } else { "" };
            match k {
                0 => write!(html, r#"<th scope="row"{class}>{cell}</th>"#)?,
                _ => write!(html, "<td{class}>{cell}</td>")?,
            }
        }
        writeln!(html, "</tr>")?;
    }
    writeln!(html, "</tbody>\n</table>\n</div>\n</section>")
}

impl Table {
    /// Returns a quantity with four digits that count; a dash for what is not finite.
    #[must_use]
    pub fn number(quantity: f64) -> String {
        let shown = match quantity.abs() {
            size if !size.is_finite() => return "–".to_owned(),
            0.0 => return "0".to_owned(),
            size if !(9.9995e-4..99999.5).contains(&size) => format!("{quantity:.3e}"),
            size if size >= 999.95 => format!("{quantity:.0}"),
            size if size >= 99.995 => format!("{quantity:.1}"),
            size if size >= 9.9995 => format!("{quantity:.2}"),
            size if size >= 0.99995 => format!("{quantity:.3}"),
            size if size >= 0.099995 => format!("{quantity:.4}"),
            size if size >= 0.0099995 => format!("{quantity:.5}"),
            _ => format!("{quantity:.6}"),
        };
        shown.replace('-', "−")
    }

    /// Returns a share in percent; a dash for what is not finite.
    #[must_use]
    pub fn percent(share: f64) -> String {
        if share.is_finite() { format!("{:.2}", 100.0 * share) } else { "–".to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    use super::*;
    use crate::plot::{
        Chart, ChartLine, ChartPoint, Colours, Population, Raster, Role, Size, Spike, VoltageTrace,
        chart, raster,
    };

    /// A figure of each kind.
    fn figures() -> Vec<Figure> {
        let points = (1..=40_u32).map(|epoch| (f64::from(epoch), 1.0 / f64::from(epoch)));
        let points = points.map(ChartPoint::from).collect();
        let line = ChartLine { name: "<loss>".to_owned(), dashed: false, points };
        let panel = Chart { heading: "Loss".to_owned(), lines: vec![line], ..Chart::default() };
        let band =
            Population { name: "hidden".to_owned(), role: Role::Layer(0), first: 0, size: 3 };
        let spikes = [Spike { population: 0, neuron: 1, time: 0.01 }];
        let voltage = VoltageTrace {
            label: "output 0".to_owned(),
            role: Role::Layer(1),
            threshold: Some(1.0),
            points: vec![(0.0, 0.0), (0.02, 0.9)],
        };
        let spikes = Raster {
            populations: vec![band],
            spikes: spikes.into(),
            voltages: vec![voltage],
            window: (0.0, 0.03),
            size: Size::default(),
        };
        [
            ("Gradients & slopes", chart(&[panel], &mut Colours::default())),
            ("One sample", raster(&spikes)),
        ]
        .map(|(heading, picture)| Figure {
            heading: heading.to_owned(),
            caption: format!("About <{heading}>."),
            svg: picture.unwrap().to_svg(),
        })
        .into()
    }

    fn page(rows: u32) -> String {
        let facts = [
            ("Test accuracy", "98.6 %"),
            ("Epochs", "300"),
            ("Parameters", "1 410"),
            ("Time", "12 min"),
            ("Command", "spikegrad train configs/yin_yang.json --out \"runs/<a&b>\""),
        ];
        let columns = [("", "Epoch"), ("Loss", "train"), ("Loss", "test"), ("", "Time (s)")];
        let row = |epoch: u32| {
            let loss = 1.0 / f64::from(epoch);
            let cells = [loss, 1.3 * loss, 12.5].map(Table::number);
            [epoch.to_string()].into_iter().chain(cells).collect()
        };
        let epochs = Table {
            heading: "Epochs".to_owned(),
            columns: columns.map(|(group, name)| Column { group, name }).into(),
            rows: (1..=rows).map(row).collect(),
        };
        Page {
            title: "Yin-Yang & <friends>, seed 0".to_owned(),
            introduction: vec!["What <this> is.".to_owned()],
            facts: facts.map(|(label, value)| (label.to_owned(), value.to_owned())).into(),
            figures: figures(),
            tables: vec![epochs],
            details: vec![(
                "Configuration".to_owned(),
                "{\n  \"task\": \"</code><script>alert(1)</script>\"\n}".to_owned(),
            )],
        }
        .to_html()
    }

    /// Names of the opening tags; every one of them must be closed in order.
    fn tags(page: &str) -> Vec<&str> {
        let (mut open, mut all) = (Vec::new(), Vec::new());
        let body = page.strip_prefix("<!DOCTYPE html>").unwrap();
        for piece in body.split('<').skip(1) {
            let (tag, text) = piece.split_once('>').expect("every tag ends");
            assert!(!text.contains('>'), "a bare > after <{tag}>");
            assert_eq!(tag.matches('"').count() % 2, 0, "quotes of <{tag}>");
            let name = tag.trim_end_matches('/').split_whitespace().next().unwrap();
            match name.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop(), Some(name)),
                None => {
                    all.push(name);
                    if !tag.ends_with('/') {
                        open.push(name);
                    }
                }
            }
        }
        assert!(open.is_empty(), "{open:?} are not closed");
        all
    }

    #[test]
    fn a_page_is_well_formed_and_has_everything() {
        let page = page(1000);
        let tags = tags(&page);
        let count = |name| tags.iter().filter(|tag| **tag == name).count();
        assert_eq!((count("figure"), count("figcaption"), count("svg")), (2, 2, 2));
        assert_eq!((count("h1"), count("h2"), count("tr"), count("dt")), (1, 3, 1002, 5));
        assert_eq!(count("script"), 0);
        for outside in ["href", "src=", "url(", "@import", "<link", " id="] {
            assert!(!page.contains(outside), "{outside}");
        }
    }

    #[test]
    fn text_is_escaped_wherever_it_stands() {
        let page = page(2);
        for escaped in [
            "<h1>Yin-Yang &amp; &lt;friends&gt;, seed 0</h1>",
            "<dd>spikegrad train configs/yin_yang.json --out &quot;runs/&lt;a&amp;b&gt;&quot;</dd>",
            "<h2>Gradients &amp; slopes</h2>",
            "<p>What &lt;this&gt; is.</p>",
            "<figcaption>About &lt;One sample&gt;.</figcaption>",
            "&lt;/code&gt;&lt;script&gt;alert(1)",
        ] {
            assert!(page.contains(escaped), "{escaped}");
        }
    }

    #[test]
    fn an_empty_page_is_a_page_too() {
        let page = Page::default().to_html();
        assert!(!tags(&page).contains(&"table"));
    }

    #[test]
    fn numbers_have_four_digits() {
        let shown = [0.00894427, 0.012345, 0.5, 98.76, 1234.5, 1.2e-5, -0.5, 0.0, f64::NAN]
            .map(Table::number);
        assert_eq!(
            shown,
            ["0.008944", "0.01235", "0.5000", "98.76", "1234", "1.200e−5", "−0.5000", "0", "–"]
        );
        assert_eq!(Table::percent(0.98765), "98.77");
    }

    fn browser() -> Option<PathBuf> {
        let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
        ["chromium", "google-chrome", "chromium-browser"]
            .iter()
            .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
            .find(|file| file.is_file())
    }

    /// The page as the browser has understood it; `None` if it does not answer.
    fn understood(browser: &Path, folder: &Path) -> Option<String> {
        let output = std::fs::File::create(folder.join("dom.html")).ok()?;
        let mut process = Command::new(browser)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--dump-dom"])
            .arg(format!("--user-data-dir={}", folder.join("profile").display()))
            .arg(format!("file://{}", folder.join("page.html").display()))
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let start = Instant::now();
        while process.try_wait().ok()?.is_none() {
            if start.elapsed() > Duration::from_secs(60) {
                process.kill().ok()?;
                process.wait().ok()?;
                return None;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        std::fs::read_to_string(folder.join("dom.html")).ok()
    }

    #[test]
    #[expect(clippy::print_stderr, reason = "a skipped test says so")]
    fn a_browser_understands_the_page_as_it_was_meant() {
        let Some(browser) = browser() else {
            eprintln!("skipped: neither chromium nor google-chrome is on the PATH");
            return;
        };
        let folder = tempfile::tempdir().unwrap();
        let page = page(40);
        std::fs::write(folder.path().join("page.html"), &page).unwrap();
        let Some(dom) = understood(&browser, folder.path()).filter(|dom| !dom.is_empty()) else {
            eprintln!("skipped: {} does not run here", browser.display());
            return;
        };
        for name in ["<figure", "<svg", "<polyline", "<text", "<rect", "<tr", "<dt", "<section"] {
            assert_eq!(dom.matches(name).count(), page.matches(name).count(), "{name}");
        }
        assert!(!dom.contains("<script") && !dom.contains("parsererror"));
    }
}
