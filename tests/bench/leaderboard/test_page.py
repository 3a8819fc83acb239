"""The leaderboard's page, from a file, in a browser without a window."""

import re

import pytest
from browser import browser_page
from made_results import WIDTH, made_result, write_results

from airseg.bench.leaderboard.columns import scored_text, split_text
from airseg.bench.leaderboard.page import page, part_names, thinned
from airseg.bench.results.published import load_published
from airseg.bench.results.result import load_results
from airseg.bench.speed.settings import BASE, Setting
from airseg.bench.speed.speed_study import Measurement, SpeedStudy, load_studies, save_study

ROWS = (
    made_result("slow", label="FANet N=4", iou=0.6, p50=40),
    made_result("fast", label="ESPNet", iou=0.5, p50=5),
    made_result("beaten", label="SSNet", iou=0.4, p50=20),
    made_result("leaky", label="FANet windows", iou=0.9, p50=4, protocol="paper"),
    made_result("elsewhere", label="TV3S </script>", iou=0.7, p50=1, machine="GPU B"),
    made_result("constant", label="majority class", iou=0.1, machine=None, kind="baseline"),
)
WITHOUT_CURVES = made_result("bare", curves={}, samples=[], command="")


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    write_results(folder, *ROWS)
    path = folder / "page.html"
    path.write_text(page(load_results([folder]), load_published()))
    return path.as_uri()


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    with browser_page(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture
def board(tab, address):
    tab.open(address)
    tab.until("document.querySelector('#scatter svg')")
    return tab


def texts(tab, selector):
    return tab.evaluate(f"[...document.querySelectorAll('{selector}')].map(n => n.textContent)")


def order(tab):
    return tab.evaluate("[...document.querySelectorAll('#board tbody tr')].map(r => r.dataset.row)")


def visible(tab):
    return tab.evaluate(
        "[...document.querySelectorAll('#board tbody tr')]"
        ".filter(r => !r.hidden).map(r => r.dataset.row)"
    )


def points(tab, extra=""):
    return set(
        tab.evaluate(
            f"[...document.querySelectorAll('#scatter [data-point]{extra}')]"
            ".map(n => n.dataset.point)"
        )
    )


def type_filter(tab, text):
    tab.evaluate(
        f"(() => {{ const f = document.querySelector('#text'); f.value = '{text}';"
        "f.dispatchEvent(new Event('input')); })()"
    )


def choose(tab, selector, value):
    tab.evaluate(
        f"(() => {{ const f = document.querySelector('{selector}'); f.value = '{value}';"
        "f.dispatchEvent(new Event('input')); })()"
    )


def test_the_page_loads_nothing_and_holds_hostile_names(tmp_path):
    write_results(tmp_path, *ROWS)
    text = page(load_results([tmp_path]), load_published())
    assert not re.search(r"""(src|href)=["']?(https?:|//)""", text)
    assert "url(" not in text
    assert text.count("</script>") == 2  # the data's and the program's own, none from a label


def test_results_without_curves_samples_speed_or_command_still_render(tmp_path):
    write_results(
        tmp_path, WITHOUT_CURVES, made_result("none", machine=None, samples=[], curves={})
    )
    text = page(load_results([tmp_path]))
    assert "bare" in text
    assert 'id="training"' not in text
    assert 'id="published"' not in text


def test_speeds_of_two_machines_have_a_table_each(tmp_path):
    write_results(tmp_path, made_result("a"))
    row = Measurement(
        **vars(BASE),
        milliseconds=dict.fromkeys(("p50", "p95", "p99"), 12.5),
        frames_per_second=80.0,
    )
    absent = Measurement(**vars(Setting(mode="graph")), problem="CUDA graphs: CUDA only")
    for machine in ("CPU A", "GPU B"):
        study = SpeedStudy(
            model="ssnet", num_classes=11, height=32, width=48, frames=2, machine=machine,
            machine_facts={}, measurements=[row, absent],
        )  # fmt: skip
        save_study(tmp_path / f"{machine}.speed.json", study)
    rows = load_results([tmp_path])
    assert len(rows) == 1  # a speed is no row of the leaderboard
    text = page(rows, None, load_studies([tmp_path]))
    for machine in ("CPU A", "GPU B"):
        assert text.count(f"<summary>ssnet, 48x32, {machine}</summary>") == 1
    assert text.count("<td>12.50</td>") == 6
    assert text.count("Left out: CUDA graphs: CUDA only.") == 2


def test_parts_of_the_pixels_have_bars_of_their_own(tmp_path):
    parts = {
        "below 1 px": {"pixels": 30, "mean_iou": 0.5},
        "unknown": {"pixels": 10, "mean_iou": None},
    }
    write_results(tmp_path, made_result("new", scores={"by_motion": parts}), made_result("old"))
    text = page(load_results([tmp_path]))
    assert "By motion in the image" in text
    assert "75.0 % of pixels" in text
    assert "unknown" not in text
    assert "By occlusion" not in text


def test_what_could_not_be_told_of_pixels_stands_last():
    """The scorer's own order of parts has "unknown" before "gone in the next frame"."""
    assert part_names([{"seen before": 1, "unknown": 2}, {"unknown": 1, "gone": 3}]) == [
        "seen before", "gone", "unknown"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("split", "told"),
    [
        ("test", "the test split, 13 frames of 2 flights"),
        ("random windows", "random windows out of 13 frames of 2 flights"),
    ],
)
def test_what_was_scored_on_is_told_in_words(split, told):
    """Windows of the paper's protocol are no split."""
    dataset = {"content_hash": "abc123", "split": split, "sequences": {"d": 9, "e": 4}}
    assert split_text(made_result("a", dataset=dataset)) == told


def test_the_paper_protocol_is_not_said_to_score_whole_flights():
    """benchmark/README.md's table: the last frame of each test window, at an eighth."""
    windows = {"content_hash": "abc123", "split": "random windows", "sequences": {"d": 9, "e": 4}}
    paper = made_result("a", protocol="paper", dataset=windows)
    told = "random windows out of 13 frames of 2 flights, the last frame of each at 1/8 of its size"
    assert scored_text([paper]) == told
    fair = "the test split, 13 frames of 2 flights, at the labels' own resolution"
    assert (
        scored_text([made_result("b"), paper]) == f'{fair}; rows with the badge "leaks" on {told}'
    )


def test_pictures_that_were_left_behind_are_not_said_to_be_unwished(tmp_path):
    asked, none = made_result("a"), made_result("b", samples=[])
    lacking = page([(tmp_path / "a.json", asked)])
    assert "their pictures are in the rows' folders, where they were made" in lacking
    assert "evaluate.samples</code> in its recipe asks for some" in page(
        [(tmp_path / "b.json", none)]
    )


def test_long_curves_are_thinned_to_means():
    curve = [(i, float(i)) for i in range(1, 1001)]
    thin = thinned(curve, 100)
    assert len(thin) == 100
    assert thin[0] == (10, 5.5)
    assert thin[-1] == (1000, 995.5)
    assert thinned(curve[:5], 100) == curve[:5]


@pytest.mark.browser
def test_a_heading_sorts_by_number_and_back_with_empty_cells_last(board):
    click = "[...document.querySelectorAll('#board thead th')].find(h => h.textContent === '{}')"
    head = click.format("p50 ms [A]")
    board.evaluate(head + ".firstChild.click()")
    timed = ["slow", "beaten", "fast", "leaky"]
    assert order(board)[:4] == timed
    board.evaluate(head + ".firstChild.click()")
    assert order(board)[:4] == timed[::-1]
    assert set(order(board)[4:]) == {"elsewhere", "constant"}
    assert board.evaluate(head + ".getAttribute('aria-sort')") == "ascending"


@pytest.mark.browser
def test_the_filter_narrows_table_plots_bars_and_pictures(board):
    type_filter(board, "fanet")
    assert set(visible(board)) == {"slow", "leaky"}
    assert points(board) == {"slow", "leaky"}
    shown = "[...document.querySelectorAll('.bar')].filter(b => !b.hidden).map(b => b.dataset.run)"
    assert set(board.evaluate(shown)) == {"slow", "leaky"}
    pictures = "[...document.querySelectorAll('#pictures figure')].map(f => f.dataset.shows)"
    assert set(board.evaluate(pictures)) == {"frame", "label", "slow", "leaky"}
    published = "[...document.querySelectorAll('#papers tbody tr')].filter(r => !r.hidden).length"
    assert 0 < board.evaluate(published) < len(load_published().rows)
    type_filter(board, "")
    choose(board, "#protocol", "leaks")
    assert visible(board) == ["leaky"]
    choose(board, "#protocol", "")
    choose(board, "#kind", "baseline")
    assert visible(board) == ["constant"]
    assert board.evaluate("document.querySelector('#count').textContent").startswith("1 of 6 rows")


@pytest.mark.browser
def test_the_address_keeps_filter_order_and_columns_and_brings_them_back(tab, address, board):
    click = "[...document.querySelectorAll('#board thead th')].find(h => h.textContent === '{}')"
    board.evaluate(click.format("p50 ms [A]") + ".firstChild.click()")
    type_filter(board, "net")
    toggle = "[...document.querySelectorAll('#column-boxes label')]"
    toggle += ".find(l => l.textContent === 'mIoU %').firstChild.click()"
    board.evaluate(toggle)
    seen, kept = (order(board), visible(board)), board.evaluate("location.href")
    assert "#view?text=net&descending=p50+ms+%5BA%5D&hide=mIoU+%25" in kept
    tab.open("about:blank")
    tab.open(kept)
    tab.until("document.querySelector('#scatter svg')")
    assert (order(board), visible(board)) == seen
    assert board.evaluate(click.format("mIoU %") + ".getClientRects().length") == 0
    board.evaluate("document.querySelector('#every-column').click()")
    assert board.evaluate(click.format("mIoU %") + ".getClientRects().length") == 1
    assert "hide" not in board.evaluate("location.href")


@pytest.mark.browser
def test_every_table_that_is_wider_than_the_screen_says_so_until_its_end_is_seen(tab, address):
    tab.call(
        "Emulation.setDeviceMetricsOverride",
        width=400, height=900, deviceScaleFactor=1, mobile=True,
    )  # fmt: skip
    tab.open(address)
    tab.until("document.querySelector('#scatter svg')")
    told = """[...document.querySelectorAll('.scroll')].map(s => [s.scrollWidth > s.clientWidth,
      s.previousElementSibling.matches('.more') && s.previousElementSibling.checkVisibility({
        visibilityProperty: true })])"""
    tables = tab.evaluate(told)
    assert len(tables) == 2
    assert tables == [[True, True], [True, True]]
    height = tab.evaluate("document.documentElement.scrollHeight")
    tab.evaluate("document.querySelectorAll('.scroll').forEach(s => s.scrollLeft = s.scrollWidth)")
    tab.until(f"{told}.every(([, shown]) => !shown)")
    assert tab.evaluate("document.documentElement.scrollHeight") == height  # nothing has moved
    tab.call("Emulation.clearDeviceMetricsOverride")
    tab.evaluate("document.querySelector('.scroll').style.width = '5000px'")
    tab.until("document.querySelector('.more').hidden")


@pytest.mark.browser
def test_rows_of_one_colour_differ_in_their_lines_and_points_and_in_the_key(tab, tmp_path):
    rows = [
        made_result(f"r{i}", label=f"row {i}", iou=0.3 + i / 40, p50=2.0**i, samples=[])
        for i in range(11)
    ]
    write_results(tmp_path, *rows)
    path = tmp_path / "page.html"
    path.write_text(page(load_results([tmp_path])))
    tab.open(path.as_uri())
    tab.until("document.querySelector('#loss svg')")
    read = "[...document.querySelectorAll('{}')].map(n => [n.getAttribute('stroke'), "
    read += "n.getAttribute('stroke-dasharray')].join())"
    keys, lines = (tab.evaluate(read.format(s)) for s in ("#curve-keys line", "#loss polyline"))
    assert keys == lines
    assert len(set(keys)) == 11
    forms = """[...document.querySelectorAll('#scatter path')]
      .map(n => n.getAttribute('fill') + n.getAttribute('d').replace(/^M[-0-9.]+ [-0-9.]+/, ''))"""
    assert len(set(tab.evaluate(forms))) == 11


@pytest.mark.browser
def test_without_validation_the_loss_has_the_whole_width(tab, tmp_path):
    write_results(tmp_path, made_result("a", curves={"loss": [(1, 2.0), (2, 1.0)]}, samples=[]))
    path = tmp_path / "page.html"
    path.write_text(page(load_results([tmp_path])))
    tab.open(path.as_uri())
    tab.until("document.querySelector('#loss svg')")
    assert (
        tab.evaluate("document.querySelectorAll('#training .plot, #training .empty').length") == 1
    )
    width = "document.querySelector('{}').getBoundingClientRect().width"
    assert tab.evaluate(width.format("#loss svg")) == tab.evaluate(width.format("#training"))


@pytest.mark.browser
def test_the_front_holds_whom_no_fair_row_of_the_machine_beats(board):
    assert points(board) == {"slow", "fast", "beaten", "leaky"}  # the GPU's row is not among them
    assert points(board, "[data-front]") == {"slow", "fast"}
    choose(board, "#machine", "GPU B")
    assert points(board) == {"elsewhere"}
    choose(board, "#x", "gmacs")
    assert points(board, "[data-front]") == {"elsewhere"}


@pytest.mark.browser
def test_an_unticked_row_leaves_the_plots_and_stays_in_the_table(board):
    board.evaluate("document.querySelector('[data-row=slow] input').click()")
    assert "slow" in visible(board)
    assert "slow" not in points(board)
    assert points(board, "[data-front]") == {"fast"}
    board.evaluate("document.querySelector('#none').click()")
    assert "None of the shown rows" in texts(board, "#scatter")[0]
    board.evaluate("document.querySelector('#all').click()")
    assert "slow" in points(board)


@pytest.mark.browser
def test_the_slider_moves_all_pictures_in_time(board):
    source = "document.querySelector('#pictures .base').src"
    before = board.evaluate(source)
    assert texts(board, "#moment") == ["frame 0"]
    board.evaluate("document.querySelector('#time').focus()")
    board.call("Input.dispatchKeyEvent", type="keyDown", key="ArrowRight", code="ArrowRight",
               windowsVirtualKeyCode=39)  # fmt: skip
    board.until("document.querySelector('#moment').textContent === 'frame 5'")
    assert board.evaluate(source) != before


@pytest.mark.browser
def test_mistakes_are_painted_where_prediction_and_label_differ(board):
    choose(board, "#mode", "mistakes")
    counted = """(() => { const c = document.querySelector('[data-shows=slow] canvas');
      if (!c.width) return -1;
      const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let n = 0;
      for (let i = 3; i < d.length; i += 4) n += d[i] > 0; return n / d.length * 4; })()"""
    board.until(f"Math.abs({counted} - {8 / WIDTH}) < 1e-6")


@pytest.mark.browser
def test_keys_reach_the_filter_and_empty_it(board):
    board.press("/")
    assert board.evaluate("document.activeElement.id") == "text"
    assert board.evaluate("document.querySelector('#text').value") == ""
    for key in "ssn":
        board.press(key)
    assert visible(board) == ["beaten"]
    board.call("Input.dispatchKeyEvent", type="keyDown", key="Escape")
    assert len(visible(board)) == 6


@pytest.mark.browser
def test_a_row_leads_to_the_command_that_made_it(board):
    board.evaluate("document.querySelector('[data-row=fast] a').click()")
    board.until("document.querySelector('#how-fast').open")
    assert texts(board, "#how-fast code") == ["airseg bench run made --set model.name=fast"]
    assert "leaks" in texts(board, "#how-leaky summary")[0]


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_is_cut_off_and_text_stands_out(tab, address, width, theme):
    tab.call(
        "Emulation.setDeviceMetricsOverride",
        width=width, height=900, deviceScaleFactor=1, mobile=width < 500,
    )  # fmt: skip
    tab.call(
        "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}]
    )
    tab.open(address)
    tab.until("document.querySelector('#scatter svg')")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    outside = """[...document.querySelectorAll('h1, h2, p, form, svg text, figure, .bar')]
      .filter(n => n.getClientRects().length && !n.closest('.scroll'))
      .map(n => n.getBoundingClientRect())
      .filter(b => b.left < -1 || b.right > innerWidth + 1).length"""
    assert tab.evaluate(outside) == 0
    contrast = """(() => {
      const light = color => {
        const [r, g, b] = color.match(/[0-9.]+/g).slice(0, 3).map(x => x / 255)
          .map(x => x <= .03928 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4);
        return .2126 * r + .7152 * g + .0722 * b;
      };
      const paper = light(getComputedStyle(document.body).backgroundColor);
      return Math.min(...[...document.querySelectorAll('h1, p, td, a, label, em')]
        .map(n => light(getComputedStyle(n).color))
        .map(i => (Math.max(i, paper) + .05) / (Math.min(i, paper) + .05)));
    })()"""
    assert tab.evaluate(contrast) >= 4.5
    dark = tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 24, 30)"
    assert dark == (theme == "dark")


def test_classes_of_another_dataset_have_bars_and_a_legend(tmp_path):
    found = {"sky": 0.7, "rider": 0.4}
    write_results(tmp_path, made_result("city", scores={"class_iou": found}))
    text = page(load_results([tmp_path]))
    for name in ("sky", "rider"):
        assert len(re.findall(rf'<span style="--c: #[0-9a-f]{{6}}">{name}</span>', text)) == 1
    assert "40.0" in text


@pytest.mark.browser
def test_the_theme_can_be_switched_and_is_remembered(board):
    color = "getComputedStyle(document.body).backgroundColor"
    before = board.evaluate(color)
    board.evaluate("document.querySelector('#theme').click()")
    after = board.evaluate(color)
    assert before != after
    board.evaluate("window.isBefore = true; location.reload()")
    board.until("!window.isBefore")
    assert board.evaluate(color) == after
    board.evaluate("localStorage.clear()")
