"""The animation in a real browser: it plays under its policy, and what is foreign does not run."""

from nnrun.pictures.film import scene_of, shoot
from nnrun.pictures.player import Pane, player
from tests.conftest import make_setting

DRAWN = "() => [...document.querySelectorAll('canvas')].every(c => c.width > 0)"


def test_it_steps_through_the_frames_and_runs_no_script_but_its_own(watched, tmp_path):
    film = shoot(make_setting(evals=4), 0)
    path = tmp_path / "animation.html"
    path.write_text(player([Pane(film, scene_of(film))]), encoding="utf-8")
    seen = watched()
    page = seen.open(path)
    assert (seen.complaints, seen.requests) == ([], [])
    assert page.inner_text("#words") == film.words(len(film.params) - 1)
    page.keyboard.press("Home")
    assert page.inner_text("#words") == film.words(0)
    assert page.evaluate(DRAWN)

    foreign = (
        "<script>document.title = 'foreign'</script><img src=x onerror=\"document.title='x'\">"
    )
    path.write_text(path.read_text(encoding="utf-8").replace("<main>", f"<main>{foreign}"))
    page = seen.open(path)
    assert page.title() == f"{film.subject.headline} · nnrun"
    assert sum("Content Security Policy" in text for text in seen.complaints) >= 2


def test_several_trials_are_told_of_at_each_moment_and_paper_shows_more_than_one(watched, tmp_path):
    film = shoot(make_setting(evals=8), 0)
    clock = [film.samples(frame) for frame in range(len(film.params))]
    scene, arrivals = scene_of(film, 8), (float(clock[4]), float("nan"))
    panes = [Pane(film, scene, "", "", samples, f"s{i}") for i, samples in enumerate(arrivals)]
    path = tmp_path / "animation.html"
    path.write_text(player(panes, clock), encoding="utf-8")
    seen = watched(width=390, dark=True)
    page = seen.open(path)
    assert seen.complaints == []
    states = [page.inner_text(f"#state{i}") for i in (0, 1)]
    assert states == [f"✓ target reached after {clock[4]:,}", "✗ target missed"]
    page.focus("#at")
    page.keyboard.press("Home")
    assert page.inner_text("#state0") == "target not reached yet"
    assert page.get_attribute("#at", "aria-valuetext") == "0 samples seen"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.inner_text("#ticks .last") == f"{clock[-1]} samples"
    assert page.locator("#marks span").count() == 1
    assert not page.is_visible(".strip")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator(".strip img").count() == 12
    assert page.is_visible(".strip")
    assert not page.is_visible(".controls")
    assert page.evaluate("colour('ink')") == "#111", "dark screens print on white, too"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.inner_text("#words") == f"{clock[-1]:,} samples seen"
