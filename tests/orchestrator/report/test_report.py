"""Reports without a browser: what they say, what they draw, and what they withstand."""

from __future__ import annotations

import html.parser
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pyarrow import fs

from orchestrator.report.answers import answer_questions
from orchestrator.report.arrange import group_studies
from orchestrator.report.closeup import ImageRecords, load_class_names
from orchestrator.report.effects import Effect, estimate_effects
from orchestrator.report.figures import write_figures
from orchestrator.report.gallery import collect_gallery
from orchestrator.report.gather import load_report_data
from orchestrator.report.payload import encode_script
from orchestrator.report.study import Study, find_pareto_front
from orchestrator.report.write import write_report
from orchestrator.store.sweep_store import SweepStore
from tasks.storage.object_store import ObjectStore
from tasks.storage.storage import Storage
from tests.support.harness import advsweep
from tests.support.report_data import GRID, made_up
from tests.support.small import write_images

WITHOUT_TUNING = {name: part for name, part in GRID.items() if name != "adversarial_finetune"}


class Page(html.parser.HTMLParser):
    """What a browser would see of a page: tags, attributes, text, and the data of its script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.inside: list[str] = []
        self.payload: dict[str, Any] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        self.inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.inside:
            self.inside.reverse()
            self.inside.remove(tag)
            self.inside.reverse()

    def handle_data(self, data: str) -> None:
        if self.inside and self.inside[-1] == "script":
            if self.tags[-1][1].get("id") == "payload":
                self.payload = json.loads(data)
        elif self.inside and self.inside[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def page_of(sweeps: list[SweepStore], folder: Path, formats: tuple[str, ...] = ()) -> Page:
    return Page(Path(write_report(sweeps, folder, formats, None).page).read_text("utf-8"))


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> SweepStore:
    """180 trials whose numbers follow a known rule."""
    return made_up(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="module")
def study(sweep: SweepStore) -> Study:
    (found,) = group_studies(sweep.rows())
    return found


def one(found: list[Effect], axis: str, before: str, after: str, measure: str) -> Effect:
    (effect,) = [e for e in found if (e.axis, e.before, e.after, e.measure) == (axis, before, after, measure)]
    return effect


def test_a_study_knows_its_models_attacks_and_axes(study: Study) -> None:
    assert (len(study.configurations), len(study.threats), len(study.rows)) == (10, 6, 180)
    assert [axis.name for axis in study.training_axes] == ["pruning_ratio", "lambda", "eps_train"]
    assert study.headline.steps == 10, "the most iterations"
    assert {len(entry.rows) for entry in study.measured.values()} == {3}


def test_effects_are_those_that_were_planted(study: Study) -> None:
    found = estimate_effects(study)
    pruned = one(found, "pruning ratio", "0", "0.4", "clean accuracy")
    assert pruned.paired is not None
    assert pruned.paired.interval.count == 5 * 3, "five defences, three seeds"
    assert pruned.paired.interval.mean == pytest.approx(-0.04, abs=0.005)
    assert pruned.verdict == "real"
    absent = one(found, "lambda", "0.5", "0.9", "robust accuracy")
    assert absent.paired is not None
    assert absent.paired.interval.mean == 0
    assert absent.verdict == "noise"
    tuned = one(found, "lambda", "none", "0.5", "robust accuracy")
    assert tuned.paired is not None
    assert tuned.paired.interval.count == 2 * 3, "trials without fine-tuning have no eps_train to be alike in"
    assert tuned.paired.interval.mean > 0.1
    steps = one(found, "iterations", "1", "10", "robust accuracy")
    assert steps.paired is not None
    assert steps.paired.interval.count == 10 * 3, "one difference a model: its attacks are no replicates"


def test_axes_that_always_change_together_are_not_taken_apart(tmp_path: Path) -> None:
    light = {"lambda": 0.5, "epochs": 1, "optimizer": {"name": "sgd", "lr": 0.02},
             "attack": {"name": "ifgsm", "eps": "4/255", "steps": 3}}  # fmt: skip
    strong = {**light, "lambda": 0.9, "attack": {"name": "ifgsm", "eps": "8/255", "steps": 5}}
    content = {**GRID, "prune": None, "adversarial_finetune": {"grid_search": [light, strong]}}
    (study,) = group_studies(made_up(tmp_path, content, images=False).rows())
    assert {e.axis for e in estimate_effects(study) if not e.of_attack} == {
        "lambda with eps_train with training attack steps"
    }


def test_answers_name_the_best_for_each_minimum(study: Study, sweep: SweepStore) -> None:
    records = ImageRecords(load_report_data([sweep]).store)
    found = answer_questions(study, records.robust)
    assert [answer.choice.least for answer in found.answers] == [0.93], "the unpruned models win at every minimum"
    assert found.answers[0].choice.best.configuration.values["pruning_ratio"] == 0.0
    assert found.answers[0].test is not None
    assert found.answers[0].tie, "which lambda is chosen makes no difference"
    assert "gains" in found.recommendation[1]
    assert any("pruning ratio 0 → 0.4" in line for line in found.told("real"))
    assert any("lambda 0.5 → 0.9" in line for line in found.told("noise"))


def test_a_costly_defence_wins_only_where_its_price_may_be_paid(tmp_path: Path) -> None:
    def rule(row: dict[str, Any]) -> tuple[float, float]:
        return (0.8, 0.6) if row["lambda"] == 0.9 else (0.95, 0.3) if row["lambda"] else (0.98, 0.05)

    (study,) = group_studies(made_up(tmp_path, {**GRID, "prune": None}, rule=rule, images=False).rows())
    found = answer_questions(study, lambda _: {}).answers
    assert [(answer.choice.least, answer.choice.best.rows[0]["lambda"]) for answer in found] == [
        (0.98, None), (0.95, 0.5), (0.8, 0.9)
    ]  # fmt: skip
    assert found[0].test is None, "no images, no test"


def test_pareto() -> None:
    assert find_pareto_front([(0.9, 0.1), (0.8, 0.5), (0.7, 0.4), (0.9, 0.2), (0.6, 0.5)]) == [3, 1]
    assert find_pareto_front([]) == []


def test_figures_of_rows(sweep: SweepStore, tmp_path: Path) -> None:
    found = write_figures(sweep.rows(), tmp_path / "new", ("png", "svg"))
    names = {path.name for path in found}
    assert names == {
        f"{name}.{form}" for name in ("tradeoff", "security_curves", "heat_map", "axes") for form in ("png", "svg")
    }
    assert all(path.read_bytes()[:4] == b"\x89PNG" for path in found if path.suffix == ".png")
    assert all(path.stat().st_size > 10_000 for path in found)
    assert write_figures([], tmp_path / "none") == []
    assert not (tmp_path / "none").exists()


def test_the_page_answers_and_asks_no_server_for_anything(sweep: SweepStore, tmp_path: Path) -> None:
    page = page_of([sweep], tmp_path)
    assert "Best compromise: pruning ratio 0, lambda" in page.text
    assert "At least 93 % clean" in page.text
    assert "180 of 180 trials finished" in page.text
    assert len(page.payload["studies"][0]["trials"]["id"]) == 180
    for tag, attributes in page.tags:
        for name in ("src", "href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:")), (tag, attributes)
    assert "default-src 'none'" in str(page.tags)
    panels = [attributes for _, attributes in page.tags if attributes.get("data-part") == "curves"]
    assert len(panels) == 1


def test_every_chart_compiles(sweep: SweepStore) -> None:
    import vl_convert

    from orchestrator.report.charts import build_charts

    (study,) = group_studies(sweep.rows())
    for name, spec in build_charts(study).items():
        made = vl_convert.vegalite_to_vega(spec)
        assert made["marks"], name


@pytest.mark.parametrize(
    ("content", "options", "says"),
    [
        (GRID, {"finished": lambda _: False, "failed": lambda _: True}, "180 trials failed"),
        (GRID, {"finished": lambda _: False}, "No finished trials"),
        (GRID, {"finished": lambda place: place % 3 == 0, "failed": lambda place: place % 7 == 1}, "not run yet"),
        (GRID, {"finished": lambda place: place == 0}, "1 of 180 trials finished"),
        (WITHOUT_TUNING, {}, "pruning ratio 0 → 0.4"),
        ({**WITHOUT_TUNING, "attack": {"name": "jsma", "examples": 50}}, {}, "no bound"),
    ],
    ids=["all failed", "none run", "unfinished", "one trial", "no fine-tuning", "unbounded"],
)
def test_reports_of_all_kinds_of_sweeps(
    content: dict[str, Any], options: dict[str, Any], says: str, tmp_path: Path
) -> None:
    page = page_of([made_up(tmp_path / "s", content, images=False, **options)], tmp_path / "out")
    assert says in page.text
    assert "{{" not in page.text


def test_several_sweeps_and_data_sets_compare_and_shared_trials_count_once(tmp_path: Path) -> None:
    other = {**GRID, "prune": {"ratio": {"grid_search": [0.4, 0.6]}}}
    larger = {**WITHOUT_TUNING, "dataset": {"name": "digits", "image_size": 16, "split": {"test": 0.3}}}
    contents = (("first", GRID), ("second", other), ("third", larger))
    sweeps = [made_up(tmp_path / "s", content, name, images=False) for name, content in contents]
    found = load_report_data(sweeps)
    rows = [row["attack_key"] for study in found.studies for row in study.rows]
    assert len(rows) == len(set(rows)) == 180 + 90 + 36
    page = page_of(sweeps, tmp_path / "out", ("svg",))
    assert page.payload["sweeps"] == ["first", "second", "third"]
    shared = [config for study in page.payload["studies"] for config in study["configs"] if config["sweeps"] == [0, 1]]
    assert len(shared) == 5, "what is pruned by 0.4 belongs to two sweeps"
    labels = [configuration.label for study in found.studies for configuration in study.configurations]
    assert len(labels) == len(set(labels)) == 17
    assert sum("dataset.split.test 0.3" in label for label in labels) == 2, "other test images are never hidden"
    trials = [next(row["trial_id"] for row in sweep.rows()) for sweep in (sweeps[0], sweeps[2])]
    refused = advsweep("compare", *trials, "--storage", tmp_path / "s", code=2).stderr
    assert "different test splits" in refused


HOSTILE = (
    "</script><script>window.hacked=1</script><img src=x onerror=window.hacked=1>'\"&{{7*7}}${x}\u2028😀" + "n" * 200
)


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    reference = [{"match": {"lambda": 0.5}, "robust_accuracy": 0.5, "source": HOSTILE}]
    content = {**GRID, "description": HOSTILE, "reference": reference}
    sweep = made_up(tmp_path / "s", content, HOSTILE, images=False, failed=lambda place: place == 7)
    page = page_of([sweep], tmp_path / "out", ("svg",))
    assert [tag for tag, attributes in page.tags if tag == "img" or "onerror" in attributes] == []
    assert len([tag for tag, _ in page.tags if tag == "script"]) == 3
    assert "<img src=x onerror=window.hacked=1>" in page.text, "shown as it is"
    assert "{{7*7}}" in page.text, "not a template"
    assert "out of <b>memory</b>" in page.text
    assert page.payload["sweeps"] == [HOSTILE]
    assert "Paper beside measured" in page.text
    assert "robust accuracy 50.00 %" in page.text, "the paper's number"
    svg = (tmp_path / "out" / "tradeoff.svg").read_text("utf-8")
    assert "<script" not in svg


def defended(row: dict[str, Any]) -> tuple[float, float]:
    """Pruning costs clean accuracy and brings robustness, so that both models are looked at closely."""
    return (0.7, 0.6) if row["pruning_ratio"] else (0.95, 0.3)


@pytest.mark.parametrize(
    ("kept", "common", "models", "says"),
    [
        ((range(4), range(4)), (0, 1, 2, 3), 2, ""),
        ((range(30, 38), range(34, 42)), (34, 35, 36, 37), 2, ""),
        ((range(4), ()), (0, 1, 2, 3), 1, "the storage keeps no images of 1 of these models"),
        ((range(4), range(4, 8)), (), 0, "No images: those that the storage keeps of these trials have none in common"),
        (((), ()), (), 0, "No images: the storage keeps none of these trials"),
    ],
    ids=["alike", "common ones", "one of an older version", "none in common", "an older version"],
)
def test_images_are_those_that_the_trials_keep(
    kept: tuple[Sequence[int], Sequence[int]], common: tuple[int, ...], models: int, says: str, tmp_path: Path
) -> None:
    content = {**WITHOUT_TUNING, "seed": 0, "attack": {"name": "ifgsm", "eps": "8/255", "steps": 1, "examples": 120}}
    sweep = made_up(tmp_path, content, rule=defended, shown=lambda row: kept[row["pruning_ratio"] > 0])
    found = load_report_data([sweep])
    (study,) = found.studies
    images = collect_gallery(study, ImageRecords(found.store))
    assert (images.index, len(images.attacked)) == (common, models)
    assert says in images.note
    assert bool(says) == bool(images.note)
    for attacked in images.attacked:
        robust = 72 if attacked.configuration.values["pruning_ratio"] else 36
        assert attacked.preview.original[:, 0, 0, 0].tolist() == list(common)
        assert attacked.preview.perturbation[:, 0, 0, 0] == pytest.approx(robust / 255, rel=1e-3)
        assert attacked.label.tolist() == [place % 10 for place in common]
        held = [place < robust for place in common]
        assert (attacked.said == attacked.label).tolist() == held
        assert attacked.confidence == pytest.approx([0.3 + 0.6 * place / 119 for place in common], rel=1e-5)


def test_classes_are_named_only_by_the_data_set_that_was_attacked(tmp_path: Path) -> None:
    data = tmp_path / "data"
    write_images(data, ("cat", "dog"), 4)
    dataset = {"name": "image_folder", "root": str(data), "image_size": 16, "split": {"test": 0.5}}
    content = {**WITHOUT_TUNING, "dataset": dataset, "attack": {"name": "ifgsm", "eps": "8/255", "steps": 1}}
    found = load_report_data([made_up(tmp_path / "s", content, images=False)])
    assert load_class_names(found.studies[0], found.data, None) == ["cat", "dog"]
    write_images(data, ("bird",), 4)
    numbers = [str(number) for number in range(10)]
    assert load_class_names(found.studies[0], found.data, None) == numbers, "other images"
    shutil.rmtree(data)
    assert load_class_names(found.studies[0], found.data, None) == numbers, "no images"


def test_json_inside_a_script_element_cannot_end_it() -> None:
    text = encode_script({"name": HOSTILE})
    assert not re.search(r"[<>&\u2028]", text)
    assert json.loads(text) == {"name": HOSTILE}


def test_figures_take_any_text_as_letters(tmp_path: Path) -> None:
    rows = [{**row, "model": f"$\\frac{{{row['seed']}}}$ _^ 😀 {'m' * 200}"}
            for row in made_up(tmp_path / "s", WITHOUT_TUNING, images=False).rows()]  # fmt: skip
    assert write_figures(rows, tmp_path / "out")


REPORT_WITHOUT_TORCH = """
import sys
from orchestrator.cli import main
try:
    main()
finally:
    assert "torch" not in sys.modules
"""


def test_the_command_writes_into_the_storage(sweep: SweepStore, tmp_path: Path) -> None:
    storage = sweep.storage.local
    assert storage is not None
    arguments = ["report", "made", "--storage", str(storage), "--formats", "svg, pdf,png"]
    shown = subprocess.run(
        [sys.executable, "-c", REPORT_WITHOUT_TORCH, *arguments], capture_output=True, text=True, check=True
    ).stdout
    folder = storage / "sweeps" / sweep.sweep_id / "report"
    names = {path.name for path in folder.iterdir()}
    assert str(folder / "report.html") in shown
    for figure in ("tradeoff", "security_curves", "heat_map", "axes", "confusion_matrices", "confidence", "images"):
        assert {f"{figure}.{form}" for form in ("svg", "pdf", "png")} <= names
    wrong = advsweep("report", "made", "--storage", storage, "--formats", "svgg", code=2)
    assert "did you mean 'svg'?" in wrong.stderr
    missing = advsweep("report", "mode", "--storage", storage, code=2)
    assert "there is no sweep 'mode'" in missing.stderr
    (tmp_path / "file").write_text("")
    assert "cannot be written" in advsweep(
        "report", "made", "--storage", storage, "--formats", "", "--out", tmp_path / "file", code=2
    ).stderr  # fmt: skip


def test_the_report_lies_in_the_storage_wherever_that_is(tmp_path: Path) -> None:
    sweep = made_up(tmp_path / "s", WITHOUT_TUNING, images=False)
    (tmp_path / "s" / "sweeps" / sweep.sweep_id / "report").mkdir()  # an object store has no folders to make
    elsewhere = fs.SubTreeFileSystem(str(tmp_path), fs.LocalFileSystem())  # no local folder, as an object store
    storage = Storage("far://s", ObjectStore(elsewhere, "s"), 1.0)
    written = write_report([SweepStore(storage, sweep.sweep_id)], None, (), None)
    assert written.page == f"far://s/sweeps/{sweep.sweep_id}/report/report.html"
    assert (tmp_path / "s" / "sweeps" / sweep.sweep_id / "report" / "report.html").stat().st_size > 500_000


def test_two_trials_compare_image_by_image(sweep: SweepStore) -> None:
    storage = str(sweep.storage.local)
    rows = [row for row in sweep.rows() if row["seed"] == 0 and row["attack_steps"] == 10 and row["lambda"] is None]
    weak, strong = (min(rows, key=lambda row: row["robust_correct"]), max(rows, key=lambda row: row["robust_correct"]))
    shown = json.loads(advsweep("compare", strong["trial_id"], weak["trial_id"], "--storage", storage, "--json").stdout)
    robust = shown["measures"][1]
    lead = strong["robust_correct"] - weak["robust_correct"]
    assert (robust["only_first"], robust["only_second"]) == (lead, 0)
    assert robust["difference"] == pytest.approx(lead / 120)
    assert robust["low"] < robust["difference"] < robust["high"]
    assert robust["p"] < 0.001
    lines = advsweep("compare", strong["trial_id"], strong["trial_id"], "--storage", storage).stdout
    assert "noise" in lines
    assert "there is no trial 'ffff'" in advsweep("compare", "ffff", "0000", "--storage", storage, code=2).stderr
