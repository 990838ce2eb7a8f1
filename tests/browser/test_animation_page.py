"""The animation in a real browser: it plays under its policy, and what is foreign does not run."""

from nnrun.pictures.film import scene_of, shoot
from nnrun.pictures.player import player
from tests.conftest import make_setting


def test_it_steps_through_the_frames_and_runs_no_script_but_its_own(watched, tmp_path):
    film = shoot(make_setting(evals=4), 0)
    path = tmp_path / "animation.html"
    path.write_text(player(film, scene_of(film)), encoding="utf-8")
    seen = watched()
    page = seen.open(path)
    assert (seen.complaints, seen.requests) == ([], [])
    assert page.inner_text("#words") == film.words(len(film.params) - 1)
    page.keyboard.press("Home")
    assert page.inner_text("#words") == film.words(0)
    drawn = "() => [...document.querySelectorAll('canvas')].every(c => c.width > 0)"
    assert page.evaluate(drawn)

    foreign = (
        "<script>document.title = 'foreign'</script><img src=x onerror=\"document.title='x'\">"
    )
    path.write_text(path.read_text(encoding="utf-8").replace("<main>", f"<main>{foreign}"))
    page = seen.open(path)
    assert page.title() == f"{film.subject.headline} · nnrun"
    assert sum("Content Security Policy" in text for text in seen.complaints) >= 2
