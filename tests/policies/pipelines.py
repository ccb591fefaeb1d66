"""Random tiny pipelines of every family, made from config: real classes, no file of weights."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import diffusers
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from unireward.world.words import VOCABULARY

WIDTH = 32
CHANNELS = 4
MEAN, DEVIATION = [0.1, -0.2, 0.3, 0.0], [1.5, 0.8, 1.0, 2.0]
CHAT = "{% for m in messages %}<s> user {{ m.content }} <e>{% endfor %}<s> assistant"


def words_tokenizer(length: int = 16) -> Any:
    """Whole words of the world between ``<s>`` and ``<e>``; "anything" stands for the rest."""
    words = {word: k for k, word in enumerate(("<pad>", "<s>", "<e>", "<unk>", *VOCABULARY))}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A <e>", special_tokens=[("<s>", 1), ("<e>", 2)]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="<e>",
        unk_token="<unk>", model_max_length=length, chat_template=CHAT,
    )  # fmt: skip


def _text(**more: Any) -> dict[str, Any]:
    return {
        "vocab_size": 4 + len(VOCABULARY), "hidden_size": WIDTH, "intermediate_size": 37,
        "num_hidden_layers": 2, "num_attention_heads": 4, "pad_token_id": 0, "bos_token_id": 1,
        **more,
    }  # fmt: skip


def clip(projected: bool = False) -> Any:
    config = transformers.CLIPTextConfig(
        **_text(eos_token_id=2), max_position_embeddings=16, projection_dim=WIDTH, hidden_act="gelu"
    )
    kind = transformers.CLIPTextModelWithProjection if projected else transformers.CLIPTextModel
    return kind(config)


def t5(kind: str = "T5") -> Any:
    config = getattr(transformers, f"{kind}Config")(
        vocab_size=4 + len(VOCABULARY), d_model=WIDTH, d_ff=37, d_kv=8, num_layers=2, num_heads=4
    )
    return getattr(transformers, f"{kind}EncoderModel")(config)


def kl_vae(shift: float | None = 0.06) -> Any:
    more = {} if shift is None else {"use_quant_conv": False, "use_post_quant_conv": False}
    return diffusers.AutoencoderKL(
        block_out_channels=(8, 16), down_block_types=["DownEncoderBlock2D"] * 2,
        up_block_types=["UpDecoderBlock2D"] * 2, latent_channels=CHANNELS, norm_num_groups=4,
        sample_size=32, scaling_factor=1.5, shift_factor=shift, **more,
    )  # fmt: skip


def sd3() -> Any:
    transformer = diffusers.SD3Transformer2DModel(
        sample_size=16, patch_size=2, in_channels=CHANNELS, out_channels=CHANNELS, num_layers=2,
        attention_head_dim=8, num_attention_heads=4, joint_attention_dim=2 * WIDTH,
        caption_projection_dim=WIDTH, pooled_projection_dim=2 * WIDTH, pos_embed_max_size=16,
    )  # fmt: skip
    # CLIP's two vectors side by side are as wide as T5's.
    encoder = transformers.T5EncoderModel(
        transformers.T5Config(
            vocab_size=4 + len(VOCABULARY), d_model=2 * WIDTH, d_ff=37, d_kv=8, num_layers=1,
            num_heads=4,
        )
    )  # fmt: skip
    return diffusers.StableDiffusion3Pipeline(
        transformer=transformer, scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=kl_vae(), text_encoder=clip(True), tokenizer=words_tokenizer(),
        text_encoder_2=clip(True), tokenizer_2=words_tokenizer(), text_encoder_3=encoder,
        tokenizer_3=words_tokenizer(),
    )  # fmt: skip


def flux(guidance: bool = True) -> Any:
    transformer = diffusers.FluxTransformer2DModel(
        patch_size=1, in_channels=4 * CHANNELS, num_layers=1, num_single_layers=1,
        attention_head_dim=16, num_attention_heads=2, joint_attention_dim=WIDTH,
        pooled_projection_dim=WIDTH, axes_dims_rope=(4, 4, 8), guidance_embeds=guidance,
    )  # fmt: skip
    return diffusers.FluxPipeline(
        transformer=transformer, vae=kl_vae(), text_encoder=clip(), tokenizer=words_tokenizer(),
        text_encoder_2=t5(), tokenizer_2=words_tokenizer(),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, shift=3.0),
    )  # fmt: skip


def qwen_image() -> Any:
    transformer = diffusers.QwenImageTransformer2DModel(
        patch_size=2, in_channels=4 * CHANNELS, out_channels=CHANNELS, num_layers=2,
        attention_head_dim=16, num_attention_heads=2, joint_attention_dim=WIDTH,
        axes_dims_rope=(4, 4, 8),
    )  # fmt: skip
    vae = diffusers.AutoencoderKLQwenImage(
        base_dim=8, z_dim=CHANNELS, dim_mult=[1, 1], num_res_blocks=1, temperal_downsample=[False],
        latents_mean=MEAN, latents_std=DEVIATION,
    )  # fmt: skip
    encoder = transformers.Qwen2_5_VLForConditionalGeneration(
        transformers.Qwen2_5_VLConfig(
            text_config=_text(
                num_key_value_heads=2, rope_parameters={
                    "rope_type": "default", "type": "default", "mrope_section": [1, 1, 2],
                    "rope_theta": 10000.0,
                },
            ),
            vision_config={
                "depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2,
                "out_hidden_size": WIDTH,
            },
        )
    )  # fmt: skip
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(
        use_dynamic_shifting=True, shift_terminal=0.02, max_shift=0.9, base_shift=0.5
    )
    pipeline = diffusers.QwenImagePipeline(
        transformer=transformer, vae=vae, text_encoder=encoder, tokenizer=words_tokenizer(),
        scheduler=scheduler,
    )  # fmt: skip
    # What stands before the caption is fewer tokens with a vocabulary of this size.
    pipeline.prompt_template_encode = "exactly one {} ?"
    pipeline.prompt_template_encode_start_idx = 2
    return pipeline


def z_image() -> Any:
    transformer = diffusers.ZImageTransformer2DModel(
        in_channels=CHANNELS, dim=WIDTH, n_layers=1, n_refiner_layers=1, n_heads=2, n_kv_heads=2,
        cap_feat_dim=WIDTH, axes_dims=[4, 6, 6], axes_lens=[64, 32, 32],
    )  # fmt: skip
    # Their padding is made without values.
    torch.nn.init.normal_(transformer.x_pad_token)
    torch.nn.init.normal_(transformer.cap_pad_token)
    encoder = transformers.Qwen3Model(
        transformers.Qwen3Config(**_text(), num_key_value_heads=2, head_dim=8)
    )
    return diffusers.ZImagePipeline(
        transformer=transformer, vae=kl_vae(), text_encoder=encoder, tokenizer=words_tokenizer(),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=6.0),
    )  # fmt: skip


def wan(scheduler: Any = None) -> Any:
    transformer = diffusers.WanTransformer3DModel(
        patch_size=(1, 2, 2), num_attention_heads=2, attention_head_dim=12, in_channels=CHANNELS,
        out_channels=CHANNELS, text_dim=WIDTH, freq_dim=32, ffn_dim=32, num_layers=2,
        cross_attn_norm=True, rope_max_seq_len=32,
    )  # fmt: skip
    vae = diffusers.AutoencoderKLWan(
        base_dim=4, z_dim=CHANNELS, dim_mult=[1, 1, 1, 1], num_res_blocks=1,
        temperal_downsample=[False, True, True], latents_mean=MEAN, latents_std=DEVIATION,
    )  # fmt: skip
    return diffusers.WanPipeline(
        transformer=transformer, vae=vae, text_encoder=t5("UMT5"), tokenizer=words_tokenizer(),
        scheduler=scheduler or diffusers.FlowMatchEulerDiscreteScheduler(shift=5.0),
    )  # fmt: skip


def ltx() -> Any:
    transformer = diffusers.LTXVideoTransformer3DModel(
        in_channels=CHANNELS, out_channels=CHANNELS, patch_size=1, patch_size_t=1,
        num_attention_heads=2, attention_head_dim=16, cross_attention_dim=32, num_layers=1,
        caption_channels=WIDTH,
    )  # fmt: skip
    vae = diffusers.AutoencoderKLLTXVideo(
        latent_channels=CHANNELS, block_out_channels=(8,) * 4, decoder_block_out_channels=(8,) * 4,
        layers_per_block=(1,) * 5, decoder_layers_per_block=(1,) * 5,
        spatio_temporal_scaling=(True, True, False, False),
        decoder_spatio_temporal_scaling=(True, True, False, False),
        decoder_inject_noise=(False,) * 5, patch_size=1, scaling_factor=1.3,
    )  # fmt: skip
    vae.latents_mean.copy_(torch.tensor(MEAN))
    vae.latents_std.copy_(torch.tensor(DEVIATION))
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(
        use_dynamic_shifting=True,
        base_shift=0.95,
        max_shift=2.05,
        base_image_seq_len=1024,
        shift_terminal=0.1,
    )
    return diffusers.LTXPipeline(
        transformer=transformer, vae=vae, text_encoder=t5(), tokenizer=words_tokenizer(128),
        scheduler=scheduler,
    )  # fmt: skip


_UNET: dict[str, Any] = {
    "block_out_channels": (16, 32), "layers_per_block": 1, "norm_num_groups": 4,
    "in_channels": CHANNELS, "out_channels": CHANNELS, "attention_head_dim": 4,
}  # fmt: skip
BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def stable_diffusion(predicted: str = "epsilon", **more: Any) -> Any:
    unet = diffusers.UNet2DConditionModel(
        **_UNET, sample_size=16, cross_attention_dim=WIDTH,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    )  # fmt: skip
    return diffusers.StableDiffusionPipeline(
        unet=unet, vae=kl_vae(None), text_encoder=clip(), tokenizer=words_tokenizer(),
        scheduler=diffusers.DDIMScheduler(
            **BETAS, clip_sample=False, set_alpha_to_one=False, steps_offset=1,
            prediction_type=predicted, **more,
        ),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip


def sdxl() -> Any:
    unet = diffusers.UNet2DConditionModel(
        **_UNET, sample_size=16, cross_attention_dim=2 * WIDTH, addition_embed_type="text_time",
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), addition_time_embed_dim=8,
        transformer_layers_per_block=(1, 1), use_linear_projection=True,
        projection_class_embeddings_input_dim=6 * 8 + WIDTH,
    )  # fmt: skip
    return diffusers.StableDiffusionXLPipeline(
        unet=unet, vae=kl_vae(None), text_encoder=clip(), tokenizer=words_tokenizer(),
        text_encoder_2=clip(True), tokenizer_2=words_tokenizer(),
        scheduler=diffusers.EulerDiscreteScheduler(
            **BETAS, timestep_spacing="leading", steps_offset=1
        ),
    )  # fmt: skip


MAKERS: dict[str, Callable[[], Any]] = {
    "sd3": sd3, "flux": flux, "qwen_image": qwen_image, "z_image": z_image, "wan": wan,
    "ltx": ltx, "stable_diffusion": stable_diffusion, "sdxl": sdxl,
}  # fmt: skip


def stirred(pipeline: Any, seed: int = 0) -> Any:
    """Random weights where a new one has zeros, as after some training."""
    generator = torch.Generator().manual_seed(seed)
    for part in (pipeline.transformer, pipeline.words):
        for weight in part.parameters():
            if not weight.detach().any():
                spread = max(1, weight[0].numel()) ** -0.5
                weight.data = spread * torch.randn(weight.shape, generator=generator)
    return pipeline


def made(maker: Callable[[], Any], seed: int = 0) -> Any:
    """A pipeline of its own, the same weights for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        pipeline = maker()
    for part in pipeline.components.values():
        if isinstance(part, torch.nn.Module):
            part.eval()
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@cache
def shared(family: str) -> Any:
    """One pipeline a family for all tests that leave it as it is."""
    return made(MAKERS[family])
