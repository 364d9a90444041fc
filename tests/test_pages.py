"""The API reference lists what is public, and HTML pictures of estimators link to its pages."""

import importlib
import pkgutil
import re
from email.message import Message
from pathlib import Path

import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import Ridge

import skdvl
from skdvl import DataPruner, ShapleyValuator, make_pipeline, pages
from skdvl.samplers import PermutationSampler

API = Path(__file__).parent.parent / "docs" / "api.rst"


def _listed():
    """Return the names in the API reference, each of which sphinx makes a page of."""
    module, names = "", []
    for line in API.read_text().splitlines():
        if line.startswith(".. currentmodule::"):
            module = line.split()[-1]
        elif re.fullmatch(r"   \w[\w.]*", line):
            names.append(f"{module}.{line.strip()}")
    return names


def _found(name):
    module, _, last = name.rpartition(".")
    return getattr(importlib.import_module(module), last)


def _estimators():
    for name, found in ((name, _found(name)) for name in _listed()):
        if isinstance(found, type) and issubclass(found, BaseEstimator):
            yield name, found


def _exporting_modules():
    """Yield the modules of skdvl that say what they export."""
    yield skdvl
    for told in pkgutil.walk_packages(skdvl.__path__, "skdvl."):
        module = importlib.import_module(told.name)
        if hasattr(module, "__all__"):
            yield module


@pytest.fixture
def nowhere(monkeypatch):
    monkeypatch.delenv("SKDVL_DOCUMENTATION", raising=False)
    monkeypatch.setattr(pages, "metadata", lambda package: Message())
    pages._installed_address.cache_clear()
    yield monkeypatch
    pages._installed_address.cache_clear()


def test_all_that_is_exported_is_listed_but_for_inner_rooms():
    listed = [_found(name) for name in _listed()]  # each is there
    assert len(listed) == len(set(map(id, listed)))
    public = {m.__name__: m for m in _exporting_modules() if "An inner room" not in m.__doc__}
    missing = {
        f"{module}.{name}"
        for module, found in public.items()
        for name in found.__all__
        if not any(getattr(found, name) is one for one in listed)
    }
    assert missing == {"skdvl.__version__"}
    rooms = "caching experiments games pipeline plotting pruning samplers semivalues stopping"
    rooms += " strategies testing truncation utilities valuators"
    assert public.keys() == {"skdvl", *(f"skdvl.{room}" for room in rooms.split())}


def test_every_estimator_has_the_page_that_the_reference_makes():
    found = dict(_estimators())
    assert len(found) > 60
    assert {name: pages.public_name(cls) for name, cls in found.items()} == {n: n for n in found}
    assert all(issubclass(cls, pages.HasPage) for cls in found.values())


def test_pictures_link_to_pages_where_there_are_some(nowhere):
    valuator = ShapleyValuator(Ridge(), sampler=PermutationSampler())
    pipeline = make_pipeline(DataPruner(valuator), Ridge())
    assert "generated/skdvl" not in pipeline._repr_html_()
    assert PermutationSampler()._get_doc_link() == ""
    nowhere.setenv("SKDVL_DOCUMENTATION", "file:///pages/")
    told = pipeline._repr_html_()
    for name in ("Pipeline", "DataPruner"):
        assert f'href="file:///pages/generated/skdvl.{name}.html"' in told
    assert 'href="file:///pages/generated/skdvl.ShapleyValuator.html"' in valuator._repr_html_()
    assert "scikit-learn.org" in told  # Ridge's own


def test_the_address_may_be_that_of_the_project(nowhere):
    told = Message()
    told["Project-URL"] = "Source, https://source.example"
    told["Project-URL"] = "Documentation, https://pages.example/stable"
    nowhere.setattr(pages, "metadata", lambda package: {"skdvl": told}[package])
    link = skdvl.KNNShapleyValuator()._get_doc_link()
    assert link == "https://pages.example/stable/generated/skdvl.KNNShapleyValuator.html"


def test_what_others_derive_has_no_page(nowhere):
    nowhere.setenv("SKDVL_DOCUMENTATION", "file:///pages")

    class Own(PermutationSampler):
        pass

    assert Own()._get_doc_link() == "" and Own(True)._repr_html_()
