"""What the page's script is given."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

from orchestrator.report.analysis.findings import analyse_studies
from orchestrator.report.analysis.image_results import ImageRecords
from orchestrator.report.analysis.report_data import ReportData, load_report_data
from orchestrator.report.analysis.studies import group_studies
from orchestrator.report.figures.collection import draw_study
from orchestrator.report.figures.figure import Figure, Panel
from orchestrator.report.figures.files import compose_figure
from orchestrator.report.page.payload import build_payload, encode_script, encode_table
from tests.support.report_data import GRID, WITHOUT_TUNING, made_up
from tests.support.report_page import HOSTILE, decode_table


def test_page_and_files_draw_the_same_descriptions_and_the_same_rows(
    made_data: ReportData, made_images: ImageRecords
) -> None:
    (found,) = analyse_studies(made_data, made_images, None)
    figures = draw_study(found)
    assert [figure.name for figure in figures] == [
        "tradeoff", "axes", "security_curves", "heat_map", "confusion_matrices", "confidence", "images"
    ]  # fmt: skip
    (study,) = json.loads(encode_script(build_payload(made_data, [(found.study, figures)])))["studies"]
    for figure in figures:
        in_file = json.loads(json.dumps(compose_figure(figure)))
        for name, rows in in_file["datasets"].items():
            assert decode_table(study["tables"][name]) == rows, (figure.name, name)
        on_page = study["figures"][figure.name]
        assert len(on_page) == len(in_file["concat"])
        for panel, drawn in zip(on_page, in_file["concat"], strict=True):
            for layer, other in zip(panel["spec"]["layer"], drawn["layer"], strict=True):
                assert {**other, "name": layer.get("name")} == {**layer, "name": layer.get("name")}
            for name in ("height", "data", "transform"):
                assert panel["spec"].get(name) == drawn.get(name)
            chosen = {param["name"]: param["value"] for param in in_file["params"]}
            assert panel["params"].items() <= chosen.items()


def test_a_table_is_stored_by_columns_each_recurring_text_once() -> None:
    rows = [{"a": "long text", "b": number, "c": None} for number in range(5)]
    found = encode_table(rows)
    assert found["a"] == {"levels": ["long text"], "at": [0] * 5}
    assert found["b"] == {"values": [0, 1, 2, 3, 4]}
    assert decode_table(found) == rows
    assert encode_table([]) == {}


def test_a_column_has_its_values_once_where_most_of_them_recur() -> None:
    columns = {"half": [1, 1, 2, 2], "more": [3, 3, 3, 4, 4]}
    found = {name: encode_table([{name: value} for value in values])[name] for name, values in columns.items()}
    assert found == {"half": {"values": [1, 1, 2, 2]}, "more": {"levels": [3, 4], "at": [0, 0, 0, 1, 1]}}


def test_figures_that_a_space_names_bring_their_own_rows(made_data: ReportData) -> None:
    panels = (Panel("", {"height": 7}, 90, {"attack": 2}), Panel("second", {"height": 8}, 80))
    figure = Figure("mine", "title", panels, {"rows": [{"a": 5}]})
    found = build_payload(made_data, [], [figure])
    assert found["named"] == [{"tables": {"rows": {"a": {"values": [5]}}},
                               "panels": [{"spec": {"height": 7}, "params": {"attack": 2}},
                                          {"spec": {"height": 8}, "params": {}}]}]  # fmt: skip
    assert (found["studies"], found["sweeps"], found["palette"][:2]) == ([], ["made"], ["#4269d0", "#e8833a"])


def test_a_configuration_names_the_sweeps_that_have_it(tmp_path: Path) -> None:
    one = {**GRID, "seed": 0, "attack": {"name": "fgsm", "eps": "8/255"}}
    other = {**one, "prune": {"ratio": {"grid_search": [0.4, 0.6]}}}
    larger = {**WITHOUT_TUNING, "seed": 0, "attack": one["attack"]}
    larger |= {"dataset": {"name": "digits", "image_size": 16, "split": {"test": 0.3}}}
    contents = (("first", one), ("second", other), ("third", larger))
    data = load_report_data([made_up(tmp_path, content, name, images=False) for name, content in contents])
    found = build_payload(data, [(study, []) for study in data.studies])
    assert found["sweeps"] == ["first", "second", "third"]
    configs = [config for study in found["studies"] for config in study["configs"]]
    assert len([config for config in configs if config["sweeps"] == [0, 1]]) == 5, "what is pruned by 0.4"
    assert len(configs) == 17


def test_a_configuration_counts_its_trials_and_no_worst_case(tmp_path: Path) -> None:
    sweep = made_up(tmp_path, WITHOUT_TUNING, rule=lambda row: (0.9, 0.5 - row["seed"] / 10), images=False)
    rows = [{**row, "worst_case_correct": row["robust_correct"] - 12} for row in sweep.rows()]
    data = load_report_data([sweep])
    (study,) = group_studies(rows)
    assert study.worst is not None
    (encoded,) = build_payload(data, [(study, [])])["studies"]
    assert [config["trials"] for config in encoded["configs"]] == [18, 18]
    assert encoded["counted"] == "trials"
    certified = replace(study, certificates=study.rows[:1])
    (encoded,) = build_payload(data, [(certified, [])])["studies"]
    assert encoded["counted"] == "trials under attack", "a certificate stands among none of them"


def test_json_inside_a_script_element_cannot_end_it() -> None:
    text = encode_script({"name": HOSTILE})
    assert not re.search(r"[<>&\u2028]", text)
    assert json.loads(text) == {"name": HOSTILE}
