"""GeneratorSubject: a diffusers pipeline that is trained to draw, or to prefer what it draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unireward.errors import InputError
from unireward.files.dotted import resolve
from unireward.files.validate import validate
from unireward.media import FrameRule
from unireward.training.candidate_maker import CandidateMaker, PictureContent
from unireward.training.candidates_config import PicturesData
from unireward.training.config import GeneratorConfig, StageConfig, TrainConfig
from unireward.training.export import write_facts
from unireward.training.picture_collate import PictureCollator
from unireward.training.sharding import sharding
from unireward.training.share import Share
from unireward.training.steps import assembled, objective_kind
from unireward.training.subjects.base import Subject

if TYPE_CHECKING:
    from unireward.policies.pipelines.base import PipelineAdapter
    from unireward.training.dry_run import DryRun
    from unireward.training.model_config import DrawingConfig


class GeneratorSubject(Subject):
    """``adapter`` is there once it is built."""

    terms = frozenset({"denoise", "diffusion-dpo"})
    adapter: PipelineAdapter

    def __init__(self, config: TrainConfig) -> None:
        super().__init__(config)
        assert isinstance(config.model, GeneratorConfig)
        self.model = config.model

    def preflight(self, kinds: Mapping[str, set[str]]) -> None:
        super().preflight(kinds)
        if sharding(self.config.trainer) is not None:
            self.check_sharded()

    def check_sharded(self) -> None:
        raise InputError(
            "trainer: a generator's weights are not shared out between processes; leave fsdp or "
            "deepspeed out, and use lora where it is too large for one"
        )

    def dry_run(self, gpus: int) -> DryRun:
        from unireward.training.generator_dry_run import generator_dry_run

        return generator_dry_run(self, gpus)

    # Trained ----------------------------------------------------------------------------------

    def build(self, first: bool) -> None:
        from unireward.training.generator_trainee import GeneratorTrainee

        self.adapter = adapter_for(self.model, self.config.seed)
        prepare(self.adapter, self.model, self.config.seed)
        self.check_size()
        self.trainee = GeneratorTrainee(self.adapter, self.model.generator.times)

    def check_size(self) -> None:
        """InputError for a size that the model cannot make."""
        rule = self.frames
        try:
            self.adapter.latent_shape(*self.size, int(rule.value) if rule is not None else 1)
        except InputError as error:
            raise InputError(f"model.generator: {error}") from None

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        told, own = self.model.generator, self.adapter.defaults
        return told.height or own.height, told.width or own.width

    @property
    def frames(self) -> FrameRule | None:
        """Which frames of a clip are learned, None for pictures."""
        if self.adapter.task != "video_generation":
            return None
        told = self.model.generator.frames or f"linspace:{self.adapter.defaults.frames}"
        return FrameRule.parse(told)

    def own_data(self, spec: dict[str, Any], stage: StageConfig, share: Share) -> Any:
        try:
            config = validate(PicturesData, spec)
        except InputError as error:
            raise InputError(f"data.{error}") from None
        height, width = self.size
        if height == width:
            config = _drawn_at(height, config)
        content = PictureContent(self.adapter.task, self.adapter.refusal)
        maker = CandidateMaker(config, objective_kind(stage.objective), content)
        return assembled(config, maker, PictureCollator(config, height, width, self.frames), share)

    def policy(self, **settings: Any) -> Any:
        """``settings`` are those of :class:`~unireward.policies.generator.Drawing`."""
        from unireward.policies.generator import Drawing, Generator

        (height, width), rule = self.size, self.frames
        sized: dict[str, Any] = {"height": height, "width": width}
        if rule is not None:
            sized["frames"] = int(rule.value)
        name = self.config.name
        drawing = validate(Drawing, {**sized, **settings})
        return Generator(self.adapter, drawing, name=name, identity=f"in memory: {name}")

    def export(self, seconds: float, to: Path) -> Path:
        from unireward.rewards.reward_folder import replaced

        with replaced(to) as draft:
            write(self.adapter, self.model, draft)
            write_facts(self.config, seconds, draft)
        return to


def _drawn_at(size: int, config: PicturesData) -> PicturesData:
    """The world draws at the size that is learned: no picture is made smaller."""
    sources = tuple(
        source.model_copy(update={"size": source.size or size}) if source.world else source
        for source in config.sources
    )
    return config.model_copy(update={"sources": sources})


# The model ------------------------------------------------------------------------------------


def adapter_for(config: GeneratorConfig, seed: int) -> PipelineAdapter:
    """The pipeline of a config behind its adapter. InputError where there is none."""
    from unireward.policies.pipelines import adapter_of
    from unireward.policies.pipelines.base import PipelineAdapter

    if config.factory is not None:
        made = resolve(config.factory, "model.factory")(seed)
        return made if isinstance(made, PipelineAdapter) else adapter_of(made)
    from unireward.policies.pipelines.loading import folder_of, load_adapter

    return load_adapter(folder_of(str(config.path)), config.dtype)


def prepare(adapter: PipelineAdapter, config: GeneratorConfig, seed: int) -> None:
    """What learns, learns: its parts, or its adapters; noise as the config has it."""
    drawing = config.generator
    parts = adapter.trained()
    for name in drawing.freeze:
        if name not in parts:
            raise InputError(
                f"model.generator.freeze: {name!r} is no part that could learn; it has "
                f"{', '.join(parts)}"
            )
    for name, part in parts.items():
        part.requires_grad_(config.lora is None and name not in drawing.freeze)
    adapter.path = path_with(adapter, drawing)
    if config.gradient_checkpointing:
        adapter.denoiser.enable_gradient_checkpointing()
    if config.lora is not None:
        from unireward.policies.lora import add_lora

        lora = config.lora
        add_lora(adapter, r=lora.r, alpha=lora.alpha, dropout=lora.dropout, targets=lora.targets,
                 seed=seed)  # fmt: skip


def path_with(adapter: PipelineAdapter, drawing: DrawingConfig) -> Any:
    """The adapter's noise path with the config's training times."""
    told = {name: value for name, value in (("shift", drawing.shift),
            ("logit_normal", drawing.logit_normal)) if value is not None}  # fmt: skip
    if told and adapter.path.kind != "flow":
        raise InputError(
            f"model.generator.{min(told)}: belongs to a flow, and this generator predicts "
            f"{adapter.path.kind}; leave it out, or name its times"
        )
    return replace(adapter.path, **told) if told else adapter.path  # pyright: ignore[reportArgumentType,reportCallIssue]


def write(adapter: PipelineAdapter, config: GeneratorConfig, folder: Path) -> None:
    """The whole pipeline in diffusers' layout, its adapters where the config has them."""
    from unireward.policies.lora import merge_lora, save_lora

    export = config.generator.export
    if config.lora is not None and export == "merged":
        merge_lora(adapter)
    elif config.lora is not None:
        save_lora(adapter, folder if export == "adapters" else folder / "lora")
        adapter.denoiser.unload_lora()
    if export != "adapters":
        adapter.save(folder)
