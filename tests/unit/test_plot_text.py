"""Names in figures: what differs looks different, nothing is cut off, and letters have a font."""

import random
from functools import partial
from itertools import combinations

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text

import nnrun
from nnrun.pictures.diagram import biases, diagram, weights, wiring_of
from nnrun.pictures.film import scene_of, shoot
from nnrun.pictures.gif import images
from nnrun.pictures.trial_pictures import draw_stills
from nnrun.plot import canvas
from nnrun.plot import text as fonts
from nnrun.plot.figures.contrasts import contrasts, contrasts_height
from nnrun.plot.figures.coordinates import coordinates, coordinates_height
from nnrun.plot.figures.heatmap import VALUES, grid, heatmap
from nnrun.plot.layout import layout
from nnrun.plot.text import cells, in_lines, one_line, told_apart, wrapped
from nnrun.problem.feature_sets import Terms
from nnrun.problem.problem import DATA
from nnrun.report.captions import coordinates_caption, heatmap_caption
from nnrun.report.figures import _heatmap, panels
from nnrun.trials.progress import say
from tests.conftest import make_setting
from tests.unit.grids import a_grid

SHORT = {"budget": 40, "evals": 3, "engine": "reference"}
TERMS = ["x", "y", "x*y", "x**2", "y**2", "sin(x)", "sin(y)", "cos(x)"]
WITHOUT_ONE = [[t for t in TERMS if t != left_out] for left_out in TERMS[2:]]
PATHS = [f"/home/someone/data/november/{d}/train_{k}.csv" for d in ("a", "b") for k in (1, 2)]
ROOMS = {"features.terms": WITHOUT_ONE[:3], "data.path": PATHS[:3]}


def text(terms):
    return f"[{','.join(terms)}]"


def drawn(figure):
    """What is drawn of a figure's texts, and where, in pixels."""
    found, real = [], Text.draw

    def draw(self, renderer, *args, **more):
        real(self, renderer, *args, **more)
        if self.get_visible() and self.get_text().strip():
            found.append((self, Text.get_window_extent(self, renderer)))

    with pytest.MonkeyPatch.context() as patch, canvas.styled():
        patch.setattr(Text, "draw", draw)
        FigureCanvasAgg(figure).draw()
    return found


def read_whole(figure):
    """Whether every text is inside the figure, and none that is level covers another."""
    wide, high = figure.bbox.width, figure.bbox.height
    found = drawn(figure)
    for said, box in found:
        inside = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= wide + 1 and box.y1 <= high + 1
        assert inside, f"{said.get_text()!r} is cut off"
    level = [(said, box) for said, box in found if said.get_rotation() in (0, 90)]
    for (one, a), (other, b) in combinations(level, 2):
        across = min(a.x1, b.x1) - max(a.x0, b.x0)
        down = min(a.y1, b.y1) - max(a.y0, b.y0)
        assert across <= 2 or down <= 3, f"{one.get_text()!r} covers {other.get_text()!r}"
    return [said.get_text() for said, _ in found]


def joined(said):
    return said.replace("\n", "").replace(" ", "")


@pytest.fixture(scope="module")
def two():
    """Two factors whose levels share their first 22 letters."""
    return a_grid(ROOMS, seeds=4)


@pytest.fixture(scope="module")
def three():
    return a_grid({**ROOMS, "lr": [0.1, 0.3]}, seeds=4)


def test_names_are_cut_from_their_middle_or_around_what_they_differ_in():
    assert told_apart(PATHS[:2], 22) == ["/home…/a/train_1.csv", "/home…/a/train_2.csv"]
    cut = told_apart([text(t) for t in WITHOUT_ONE], 22)
    assert cut[0] == "[x,y,x**2,…,cos(x)]"
    assert cut[2] == "…y,x**2,sin(x),sin(y)…"
    assert len(set(cut)) == len(WITHOUT_ONE)
    again = told_apart(["equal" * 9, "equal" * 9, "lr=0.1"], 9)
    assert again == ["equa…qual", "equa…qual", "lr=0.1"]


def test_what_differs_stays_different_in_the_room_there_is():
    chance = random.Random(3)
    for _ in range(2000):
        room, letters = chance.randint(8, 24), chance.choice(["a", "ab", "ab,/", "入力a"])
        names = ["".join(chance.choices(letters, k=chance.randint(1, 60))) for _ in range(8)]
        cut = told_apart(names, room)
        assert len(set(cut)) == len(set(names))
        assert max(map(cells, cut)) <= room
        assert all(one == name for one, name in zip(cut, names, strict=True) if cells(name) <= room)
        for lines in in_lines(names, room, 3):
            assert lines.count("\n") < 3
            assert max(map(cells, lines.split("\n"))) <= room


def test_names_that_only_unseen_letters_tell_apart_do_not_look_alike():
    names = ["a b", "a  b", " a b", "a\tb", "a\nb"]
    assert len({one_line(name) for name in names}) == 5
    assert one_line("a\nb") == r"a\nb"


def test_lines_break_at_spaces_then_behind_commas_slashes_and_underscores_then_anywhere():
    assert wrapped("terms=[x,y] hidden=[2,1]", 12) == "terms=[x,y]\nhidden=[2,1]"
    assert wrapped("/home/me/data.csv", 9) == "/home/me/\ndata.csv"
    assert wrapped("my_long_parameter", 10) == "my_long_\nparameter"
    assert wrapped("abcdefgh", 3) == "abc\ndef\ngh"
    assert wrapped("入力の表", 4) == "入力\nの表"
    assert wrapped("", 5) == " "


@pytest.mark.parametrize("value", VALUES)
def test_a_heatmap_names_every_level_and_shows_its_title_whole(two, value):
    cells_of = grid(two.summary, two.sweep, value)
    said = read_whole(canvas.paint(partial(heatmap, cells=cells_of), 4.4, cells_of.height))
    # paths beside the rows are whole, feature lists below the columns cut
    assert set(PATHS[:3]) <= set(map(joined, said))
    assert {one for one in said if one.startswith("[x,y,")} == {
        "[x,y,x**2,…,cos(x)]", "[x,y,x*y,y**2,sin(x)…", "[x,y,x*y,x**2,sin(x)…"
    }  # fmt: skip
    if value == "speedup":
        assert "Speed-up:×assoonasthebaseline,byrestrictedmean" in map(joined, said)


@pytest.mark.parametrize("width", [7.2, 4.4])
def test_parallel_coordinates_name_every_level(two, width):
    draw = partial(coordinates, summary=two.summary, sweep=two.sweep)
    said = read_whole(canvas.paint(draw, width, coordinates_height(two.sweep)))
    assert len({one for one in said if "train_" in joined(one) or "csv" in one}) == 3
    assert len({one for one in said if "cos(" in joined(one) or "…" in one} | {""}) >= 3


def test_coordinates_of_many_names_have_room_for_each():
    found = a_grid({"data.path": [f"{i}.csv" for i in range(24)], "lr": [1, 2]}, seeds=2)
    draw = partial(coordinates, summary=found.summary, sweep=found.sweep)
    said = read_whole(canvas.paint(draw, 7.2, coordinates_height(found.sweep)))
    assert {f"{i}.csv" for i in range(24)} <= set(said)


@pytest.mark.parametrize("width", [7.2, 4.4])
def test_a_forest_plot_has_whole_names(two, width):
    table = two.contrasts.head(8)
    draw = partial(contrasts, table=table)
    said = read_whole(canvas.paint(draw, width, contrasts_height(table, width)))
    assert {joined(name) for name in table["name_a"]} <= set(map(joined, said))
    assert any(joined(table["name_b"].iloc[0]) in joined(one) for one in said)


def test_titles_of_panels_end_before_the_next_panel(three):
    cells_of = grid(three.summary, three.sweep, "rmst")
    read_whole(_heatmap(cells_of, 7.2))
    lay = layout(three.summary, three.sweep, "data.path")
    wanted = {joined(f"path={path}") for path in PATHS[:3]}

    def draw(ax, labels, only):
        ax.set_xlabel("samples")
        return ax

    assert wanted <= set(map(joined, read_whole(panels(draw, lay)(7.2))))


def test_a_notebook_s_figure_shows_its_title_whole(two):
    ax = nnrun.plot.heatmap(two, "speedup", Figure((4.4, 3), layout="constrained").add_subplot())
    assert joined(ax.get_title(loc="left")).endswith("byrestrictedmean")
    read_whole(ax.figure)


def test_a_caption_says_where_a_cut_name_is_whole_if_any_is_cut(two):
    where = "Where … stands, a name is cut: the table of the settings has it whole."
    plain = a_grid({"lr": [0.1, 0.3], "batch_size": [1, 4]}, seeds=2)
    for caption in (coordinates_caption, partial(heatmap_caption, value="rmst")):
        assert caption(two).endswith(where)
        assert "…" not in caption(plain)


@pytest.fixture
def no_other_fonts(monkeypatch):
    monkeypatch.setattr(fonts, "_fonts", lambda: iter(()))
    for kept in (fonts._families, say):
        kept.cache_clear()
    yield
    for kept in (fonts._families, say):
        kept.cache_clear()


def test_letters_that_no_font_has_are_noted_once(no_other_fonts, capsys):
    found = a_grid({"data.path": ["果物.csv", "野菜.csv"], "lr": [1, 2]}, seeds=2)
    for value in VALUES:
        cells_of = grid(found.summary, found.sweep, value)
        canvas.svg(canvas.paint(partial(heatmap, cells=cells_of), 4.4, cells_of.height))
    assert capsys.readouterr().err == f"{fonts.NOTE}\n"


def test_letters_are_drawn_by_a_font_that_has_them(capsys):
    shipped = {name: FT2Font(findfont(name)).get_charmap() for name in ("STIXGeneral", fonts.OWN)}
    letter = chr(min(set(shipped["STIXGeneral"]) - set(shipped[fonts.OWN])))
    figure = Figure(layout="constrained")
    with canvas.styled():
        label = figure.text(0.5, 0.5, f"lr{letter}")
        plain = figure.text(0.5, 0.2, "größe")
    canvas.png(figure)
    assert label.get_fontfamily()[0] == fonts.OWN
    has = [FT2Font(findfont(name)).get_charmap() for name in label.get_fontfamily()]
    assert any(ord(letter) in one for one in has)
    assert plain.get_fontfamily() == ["DejaVu Sans"]
    assert capsys.readouterr().err == ""


def test_pictures_and_animations_of_a_table_in_any_script_warn_of_nothing(
    no_other_fonts, tmp_path, capsys, monkeypatch
):
    path = tmp_path / "cjk.csv"
    rows = [f"{i % 7},{i % 5},{'林檎' if i % 2 else '蜜柑'}\n" for i in range(40)]
    path.write_text("重さ,大きさ,種類\n" + "".join(rows))
    data = DATA["table"](path=str(path), label="種類")
    film = shoot(make_setting(data=data, features=Terms(), **SHORT), 0)
    capsys.readouterr()
    assert next(images(film, scene_of(film)))
    monkeypatch.setattr(canvas, "DOTS", 50)
    draw_stills(film.subject, tmp_path)
    assert capsys.readouterr().err == f"{fonts.NOTE}\n"


def test_inputs_of_long_names_are_told_apart_in_a_diagram():
    terms = Terms(("x*y*sin(x)*cos(y)*x**2*y**2", "x*y*sin(x)*cos(y)*x**2*y**3"))
    setting = make_setting(features=terms)
    params = shoot(make_setting(features=terms, **SHORT), 0).subject.params
    ax = diagram(Figure().add_subplot(), wiring_of(setting), weights(params), biases(params))
    names = [t.get_text() for t in ax.texts if "sin" in t.get_text()]
    assert len(names) == len(set(names)) == 2
