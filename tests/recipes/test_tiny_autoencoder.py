"""The tiny generators' autoencoder: its loss, its pictures, what it keeps of its latents."""

# diffusers fills its own name space as it is asked, which pyright cannot follow.
# pyright: reportPrivateImportUsage=false

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL

from recipes.tiny_generators import autoencoder as recipe


def test_the_loss_is_that_of_a_vae() -> None:
    vae = recipe.build()
    pixels, captions = recipe.pictures(0, 3)
    assert pixels.shape == (3, 3, 32, 32)
    assert len(captions) == 3
    clean = 2 * pixels - 1
    with torch.no_grad():
        found = vae.encode(clean).latent_dist
        assert found.mean.shape == (3, 8, 8, 8)
        torch.manual_seed(4)
        back = vae.decode(found.sample()).sample
        wrong = back - clean
        divergence = 0.5 * (found.mean**2 + found.var - 1 - found.logvar)
        wanted = (wrong**2).mean() + 0.2 * wrong.abs().mean() + 1e-4 * divergence.mean()
        torch.manual_seed(4)
        assert recipe.loss_of(vae, pixels).item() == pytest.approx(wanted.item(), rel=1e-5)


def test_pictures_are_of_their_numbers_alone() -> None:
    few, _ = recipe.pictures(5, 2)
    more, _ = recipe.pictures(4, 4)
    assert torch.equal(few, more[1:3])
    unseen, _ = recipe.pictures(recipe.UNSEEN, 2)
    assert not torch.equal(few, unseen)


def test_what_is_kept_makes_its_latents_standard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipe, "MEASURED", 64)
    said: list[str] = []
    vae = recipe.train(steps=2, say=said.append)
    assert [line.split("  ")[0] for line in said] == ["step 2"]
    recipe.settle(vae)
    vae.save_pretrained(tmp_path, safe_serialization=True)
    again = AutoencoderKL.from_pretrained(tmp_path)
    from unireward.policies.pipelines.latents import encoded

    pixels, _ = recipe.pictures(recipe.UNSEEN, 64)
    latents = encoded(again, pixels)
    torch.testing.assert_close(latents.mean((0, 2, 3)), torch.zeros(8), atol=1e-3, rtol=0)
    torch.testing.assert_close(latents.std((0, 2, 3)), torch.ones(8), atol=1e-2, rtol=0)
    assert 0 <= recipe.exact(vae, 0.1) <= 1
