//! A run on one page: its facts, its figures, its epochs and its configuration, in a single HTML
//! file that needs nothing else.
//!
//! No script, no font and no picture is fetched; a policy in the head forbids it. The page follows
//! the reader's choice of light or dark, but figures keep the white sheet that they were drawn for.
//! All text is escaped; figures are the SVGs of [`plot`](crate::plot), which have no `id` that
//! could collide on a page.
//!
//! Not here: what makes the figures (`plot/`), which of them belong to a run, and the file.

use std::fmt::{self, Write};

/// What a page shows.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// Heading of the page, for example the data set and the seed.
    pub title: &'a str,
    /// (label, value), in the order in which they are shown.
    pub facts: &'a [(String, String)],
    /// (heading, caption, SVG), in the order in which they are shown.
    pub figures: &'a [(String, String, String)],
    /// The completed epochs; without any there is no table.
    pub epochs: &'a [EpochRow],
    /// The configuration as JSON.
    pub config: &'a str,
}

/// A row of the table of epochs. What is not finite was not measured, and is shown as a dash.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpochRow {
    /// Number of completed epochs.
    pub epoch: u32,
    /// Mean loss of a training sample.
    pub train_loss: f64,
    /// Share of the training samples classified rightly, in [0, 1].
    pub train_accuracy: f64,
    /// Mean loss of a validation sample.
    pub validation_loss: f64,
    /// Share of the validation samples classified rightly, in [0, 1].
    pub validation_accuracy: f64,
    /// Mean loss of a test sample.
    pub test_loss: f64,
    /// Share of the test samples classified rightly, in [0, 1].
    pub test_accuracy: f64,
    /// Mean number of spikes of the hidden neurons in a sample.
    pub hidden_spikes: f64,
    /// Mean over the batches of the norm of the mean gradient.
    pub gradient_norm: f64,
    /// The smallest dV/dt at a spike, per second; `None` without a spike.
    pub smallest_slope: Option<f64>,
    /// Time that the epoch took, in s.
    pub seconds: f64,
}

const STYLE: &str = include_str!("report.css");

/// Nothing is fetched, and nothing is run.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// A longer value of a fact, such as a command, has a line of its own.
const LONG: usize = 32;

/// Returns the page.
#[must_use]
pub fn report(report: &Report<'_>) -> String {
    let mut page = String::new();
    // Nothing can go wrong with a string.
    let written = write_page(&mut page, report);
    debug_assert!(written.is_ok(), "a string takes all that is written to it");
    page
}

fn write_page(page: &mut String, report: &Report<'_>) -> fmt::Result {
    let title = escape(report.title);
    write!(
        page,
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
    write_facts(page, report.facts)?;
    for (heading, caption, svg) in report.figures {
        write_figure(page, heading, caption, svg)?;
    }
    write_epochs(page, report.epochs)?;
    let config = escape(report.config);
    write!(
        page,
        "<details>\n<summary>Configuration</summary>\n<pre><code>{config}</code></pre>\n</details>\n\
         </main>\n</body>\n</html>\n"
    )
}

fn write_facts(page: &mut String, facts: &[(String, String)]) -> fmt::Result {
    if facts.is_empty() {
        return Ok(());
    }
    writeln!(page, r#"<dl class="facts">"#)?;
    for (label, value) in facts {
        let class = if value.chars().count() > LONG { r#" class="long""# } else { "" };
        let (label, value) = (escape(label), escape(value));
        writeln!(page, "<div{class}><dt>{label}</dt><dd>{value}</dd></div>")?;
    }
    writeln!(page, "</dl>")
}

fn write_figure(page: &mut String, heading: &str, caption: &str, svg: &str) -> fmt::Result {
    let heading = escape(heading);
    writeln!(page, "<section>\n<h2>{heading}</h2>\n<figure>")?;
    // What comes before the element, such as an XML declaration, has no place inside a page.
    if let Some((_, element)) = svg.split_once("<svg ") {
        writeln!(
            page,
            r#"<div class="sheet" tabindex="0" role="group" aria-label="{heading}"><svg role="img" aria-label="{heading}" {}</div>"#,
            element.trim_end()
        )?;
    }
    if !caption.is_empty() {
        writeln!(page, "<figcaption>{}</figcaption>", escape(caption))?;
    }
    writeln!(page, "</figure>\n</section>")
}

fn write_epochs(page: &mut String, epochs: &[EpochRow]) -> fmt::Result {
    if epochs.is_empty() {
        return Ok(());
    }
    write!(
        page,
        r#"<section>
<h2>Epochs</h2>
<div class="scroll" tabindex="0" role="group" aria-label="Table of epochs">
<table>
<thead>
<tr><th scope="col" rowspan="2">Epoch</th><th scope="colgroup" colspan="3">Loss</th><th scope="colgroup" colspan="3">Accuracy (%)</th><th scope="col" rowspan="2">Hidden<br />spikes</th><th scope="col" rowspan="2">Gradient<br />norm</th><th scope="col" rowspan="2">Smallest<br />slope (1/s)</th><th scope="col" rowspan="2">Time (s)</th></tr>
<tr>"#
    )?;
    for name in ["train", "validation", "test", "train", "validation", "test"] {
        write!(page, r#"<th scope="col">{name}</th>"#)?;
    }
    writeln!(page, "</tr>\n</thead>\n<tbody>")?;
    for row in epochs {
        write!(page, r#"<tr><th scope="row">{}</th>"#, row.epoch)?;
        for cell in [
            number(row.train_loss),
            number(row.validation_loss),
            number(row.test_loss),
            percent(row.train_accuracy),
            percent(row.validation_accuracy),
            percent(row.test_accuracy),
            number(row.hidden_spikes),
            number(row.gradient_norm),
            number(row.smallest_slope.unwrap_or(f64::NAN)),
            number(row.seconds),
        ] {
            write!(page, "<td>{cell}</td>")?;
        }
        writeln!(page, "</tr>")?;
    }
    writeln!(page, "</tbody>\n</table>\n</div>\n</section>")
}

/// A quantity with four digits that count.
fn number(quantity: f64) -> String {
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

fn percent(share: f64) -> String {
    if share.is_finite() { format!("{:.2}", 100.0 * share) } else { "–".to_owned() }
}

/// `text` as it can stand between tags and in an attribute.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(letter),
            _ if letter.is_control() => escaped.push(char::REPLACEMENT_CHARACTER),
            _ => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    use super::*;
    use crate::plot::{
        Activity, EpochPoint, HistoryPoint, LayerActivity, Population, Spike, VoltageTrace,
        activity_svg, confusion_matrix_svg, histories_svg, raster_svg, training_curves_svg,
    };

    fn row(epoch: u32) -> EpochRow {
        let size = 1.0 / f64::from(epoch);
        EpochRow {
            epoch,
            train_loss: size,
            train_accuracy: 1.0 - 0.3 * size,
            validation_loss: 1.2 * size,
            validation_accuracy: 1.0 - 0.4 * size,
            test_loss: 1.3 * size,
            test_accuracy: 1.0 - 0.5 * size,
            hidden_spikes: 150.0 - 40.0 * size,
            gradient_norm: 0.02 * size,
            smallest_slope: (epoch > 1).then_some(3.0 + size),
            seconds: 12.5,
        }
    }

    /// A figure of each kind.
    fn figures(rows: &[EpochRow]) -> Vec<(String, String, String)> {
        let curves: Vec<EpochPoint> = rows
            .iter()
            .map(|row| EpochPoint {
                epoch: row.epoch,
                train_loss: row.train_loss,
                test_loss: row.test_loss,
                train_accuracy: row.train_accuracy,
                test_accuracy: row.test_accuracy,
            })
            .collect();
        let history: Vec<HistoryPoint> = rows
            .iter()
            .map(|row| HistoryPoint {
                epoch: row.epoch,
                gradient_norm: row.gradient_norm,
                largest_gradient_norm: 4.0 * row.gradient_norm,
                smallest_slope: row.smallest_slope,
                hidden_spikes: row.hidden_spikes,
                silent_hidden: 0.12,
                push_norm: 0.0,
            })
            .collect();
        let classes = ["yin", "yang", "<dot>"].map(str::to_owned);
        let counts = [vec![330, 4, 1, 0], vec![7, 320, 0, 1], vec![0, 2, 333, 2]];
        let hidden = LayerActivity {
            name: "hidden".to_owned(),
            mean_spikes: (0..200_u8).map(|k| (f64::from(k) - 20.0).max(0.0).sqrt() / 4.0).collect(),
            time_histogram: (0..60).map(|k: u64| k * (60 - k)).collect(),
        };
        let bands = [Population { name: "hidden".to_owned(), size: 3 }];
        let spikes = [Spike { population: 0, neuron: 1, time: 0.01 }];
        let voltage = VoltageTrace {
            label: "output 0".to_owned(),
            threshold: Some(1.0),
            points: vec![(0.0, 0.0), (0.02, 0.9)],
        };
        [
            ("Learning", training_curves_svg(&curves)),
            ("Gradients & slopes", histories_svg(&history)),
            ("Confusions", confusion_matrix_svg(&classes, &counts)),
            ("Activity", activity_svg(&Activity { layers: vec![hidden], t_end: 0.03 })),
            ("One sample", raster_svg(&bands, &spikes, &[voltage], 0.03)),
        ]
        .map(|(heading, svg)| (heading.to_owned(), format!("About <{heading}>."), svg.unwrap()))
        .into()
    }

    fn page(epochs: u32) -> String {
        let rows: Vec<EpochRow> = (1..=epochs).map(row).collect();
        let facts = [
            ("Test accuracy", "98.6 %"),
            ("Epochs", "300"),
            ("Parameters", "1 410"),
            ("Time", "12 min"),
            ("Command", "spikegrad train configs/yin_yang.json --out \"runs/<a&b>\""),
        ];
        let facts = facts.map(|(label, value)| (label.to_owned(), value.to_owned()));
        report(&Report {
            title: "Yin-Yang & <friends>, seed 0",
            facts: &facts,
            figures: &figures(&rows),
            epochs: &rows,
            config: "{\n  \"task\": \"</code><script>alert(1)</script>\"\n}",
        })
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
        assert_eq!((count("figure"), count("figcaption"), count("svg")), (5, 5, 5));
        assert_eq!((count("h1"), count("h2"), count("tr"), count("dt")), (1, 6, 1002, 5));
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
            "<figcaption>About &lt;Learning&gt;.</figcaption>",
            "&lt;/code&gt;&lt;script&gt;alert(1)",
        ] {
            assert!(page.contains(escaped), "{escaped}");
        }
        assert_eq!(escape("it's\u{0}\r\n"), "it&#39;s\u{fffd}\u{fffd}\n");
    }

    #[test]
    fn an_empty_report_is_a_page_too() {
        let page = report(&Report { title: "", facts: &[], figures: &[], epochs: &[], config: "" });
        assert!(!tags(&page).contains(&"table"));
    }

    #[test]
    fn numbers_have_four_digits() {
        let shown =
            [0.00894427, 0.012345, 0.5, 98.76, 1234.5, 1.2e-5, -0.5, 0.0, f64::NAN].map(number);
        assert_eq!(
            shown,
            ["0.008944", "0.01235", "0.5000", "98.76", "1234", "1.200e−5", "−0.5000", "0", "–"]
        );
        assert_eq!(percent(0.98765), "98.77");
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
            .arg(format!("file://{}", folder.join("report.html").display()))
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
        std::fs::write(folder.path().join("report.html"), &page).unwrap();
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
