"""`python -m benchmarks [NAME]`: lists the benchmarks, or runs one."""

import importlib
import sys

# name: (module, expected minutes on two cores, what it measures). The tables
# of docs/benchmarks.md come in this order.
BENCHMARKS = {
    "denoiser": ("denoiser", 10, "PSNR of the pretrained gray denoiser"),
    "salt_and_pepper": ("denoiser", 40, "PSNR above the best median filter"),
    "color_denoising": ("denoiser", 8, "PSNR of `restore` on color images"),
    "upscaler_x2": ("color_upscalers", 5, "color x2: Set5, Set14"),
    "upscaler_x3": ("color_upscalers", 5, "color x3: Set5, Set14"),
    "upscaler_x4": ("color_upscalers", 5, "color x4: Set5, Set14"),
    "photo_upscaler_x4": ("photo_upscaler", 5, "real small photographs"),
    "color_denoiser": ("photographs", 20, "PSNR of color denoising"),
    "photo_restorer": ("photo_restorer", 10, "gains on JPEG and noise"),
    "bm3d": ("bm3d", 12, "PSNR of BM3D against the authors' binary"),
    "bm3d_color": ("photograph_noise", 4, "the same in color, on photographs"),
    "bm3d_time": ("bm3d", 3, "seconds against the authors' binary"),
    "noise_estimate": ("photograph_noise", 3, "noise levels of photographs"),
    "restore_auto": ("photograph_noise", 6, "`restore` without options"),
    "gray_as_color": ("photograph_noise", 2, "gray photographs as color files"),
    "blind_faces": ("blind_restoration", 90, "five degradations of faces"),
    "blind_digits": ("blind_restoration", 13, "the same of digits"),
    "deblurring": ("plug_and_play", 90, "PSNR of `PlugAndPlay`, known blur"),
    "deblurring_deepinv": ("plug_and_play", 30, "the same of deepinv"),
    "blind_blur": ("plug_and_play", 15, "estimated widths of Gaussian blurs"),
    "pnp_inpainting": ("plug_and_play", 10, "missing pixels and text"),
    "pnp_upscaling": ("plug_and_play", 10, "x2, x3 after a Gaussian blur"),
    "pnp_time": ("plug_and_play", 3, "an iteration against the denoiser"),
    "downstream_digits": ("downstream", 15, "a classifier on restored digits"),
    "downstream_clothes": ("downstream", 15, "the same, restored clothes"),
    "inpainting": ("inpainting", 60, "faces, with and without discriminator"),
    "inpainter": ("inpainting_methods", 10, "the pretrained inpainter"),
    "damage_detector": ("damage_detector", 5, "film damage, found, repaired"),
    "patch_match": ("inpainting_methods", 3, "objects removed by PatchMatch"),
    "inpainting_methods": (
        "inpainting_methods",
        3,
        "all methods on hairs, scratches and objects",
    ),
    "super_resolution": ("super_resolution", 75, "PSNR of gray x4 upscaling"),
    "super_resolution_gan": (
        "super_resolution_gan",
        25,
        "perceptual distance of x4 upscaling, adversarial training",
    ),
    "video_x3": ("video", 40, "PSNR of video upscaled 3 times"),
    "video_x4": ("video", 40, "the same, 4 times"),
    "style_transfer": ("style_transfer", 45, "300 steps at 512x512"),
    "adain": ("style_transfer", 40, "one pass against 300 steps"),
    "adain_paintings": ("style_transfer", 5, "paintings it has not seen"),
    "cyclegan_emoji": ("translation", 90, "emoji of two styles, unpaired"),
    "cut_emoji": ("translation", 60, "the same, one way, by CUT"),
    "pix2pix_emoji": ("translation", 60, "the same from pairs"),
    "demo": ("demo", 5, "the demo's digits under a digit classifier"),
    "vae": ("likelihood", 20, "test NLL of a VAE on MNIST"),
    "vae_5000": ("likelihood", 5, "the same with 5,000 samples"),
    "iwae": ("likelihood", 40, "the importance-weighted bound"),
    "vae_dense": ("likelihood", 8, "the VAE with fully connected networks"),
    "iwae_dense": ("likelihood", 15, "the same, importance-weighted bound"),
    "floor": ("gan", 1, "Frechet distance of MNIST's test digits"),
    "gray_vae": ("gan", 10, "the same of a VAE's samples"),
    "dcgan": ("gan", 50, "the same of a DCGAN's samples"),
    "dcgan_conditional": ("gan", 13, "the same, class-conditional"),
    "floor_fashion": ("gan", 1, "as `floor`, for Fashion-MNIST"),
    "gray_vae_fashion": ("gan", 10, "as `gray_vae`, for Fashion-MNIST"),
    "dcgan_fashion": ("gan", 13, "as `dcgan_conditional`, Fashion-MNIST"),
    "fashion_non_saturating": ("gan", 3, "two epochs: non-saturating and R1"),
    "fashion_hinge": ("gan", 3, "two epochs: hinge and spectral norms"),
    "fashion_wasserstein": ("gan", 6, "two epochs: Wasserstein and penalty"),
    "membership": ("privacy", 20, "attacks on an overfitted and a good VAE"),
    "dcgan_equal": ("stylegan2", 5, "a DCGAN on as many images at 32x32"),
    "stylegan2": ("stylegan2", 60, "StyleGAN2 on clothes at 32x32"),
    "stylegan2_long": ("stylegan2", 120, "the same for five times as long"),
    "stylegan2_quarter": ("stylegan2", 15, "... a quarter as long"),
    "stylegan2_no_r1": ("stylegan2", 15, "... without R1"),
    "stylegan2_no_path_length": ("stylegan2", 15, "... without path length"),
    "stylegan2_no_mixing": ("stylegan2", 15, "... without style mixing"),
    "stylegan2_faces_floor": ("stylegan2_faces", 1, "other people's faces"),
    "stylegan2_faces": ("stylegan2_faces", 40, "StyleGAN2 on 300 faces"),
    "stylegan2_faces_diff": ("stylegan2_faces", 40, "with DiffAugment"),
    "stylegan2_faces_adaptive": (
        "stylegan2_faces",
        50,
        "with adaptive augmentation",
    ),
    "stylegan2_emoji": ("stylegan2_emoji", 100, "StyleGAN2 on emoji"),
    "flow_mnist": ("flow", 70, "Frechet distance of a flow's digits"),
    "flow_mnist_guided": ("flow", 130, "the same, longer, with autoguidance"),
    "flow_mnist_conditional": ("flow", 75, "the same, class-conditional"),
    "flow_fashion": ("flow", 70, "as `flow_mnist`, for Fashion-MNIST"),
    "flow_fashion_conditional": ("flow", 75, "the same, class-conditional"),
    "flow_evaluations": ("flow", 20, "Frechet distance at 5 to 40 steps"),
    "flow_bits": ("flow", 30, "bits per dimension beside a VAE's"),
    "flow_emoji": ("emoji", 90, "emoji from words, unseen captions"),
    "projection": ("editing", 4, "clothes into w and w+ of StyleGAN2"),
    "direction": ("editing", 1, "T-shirts get long sleeves"),
    "local_edit": ("editing", 1, "a change inside a mask alone"),
    "ratings": ("ratings", 4, "intervals of people's ratings, simulated"),
    "rating_server": ("app", 2, "200 raters and 20 kills of the server"),
    "hostile_requests": ("app", 1, "hostile uploads, memory of the server"),
    "page_weight": ("app", 1, "weight and first paint of the studio"),
    "page_bytes": ("app", 1, "files of the page and of the command line"),
    "anonymize": ("anonymize", 3, "faces found, and no longer recognized"),
    "step_time": ("speed", 2, "training step of a VAE against a bare loop"),
    "gan_step_time": ("speed", 2, "the same of a GAN"),
    "style_step_time": ("style_transfer", 3, "the same of a style transfer"),
    "inference_time": ("inference_speed", 3, "networks vs PyTorch and ONNX"),
    "restore_time": ("inference_speed", 1, "`restore` of 12 megapixels"),
    "denoiser_step_time": ("denoiser_speed", 4, "training step vs PyTorch"),
    "stylegan2_step_time": ("stylegan2_speed", 8, "training step vs PyTorch"),
    "cyclegan_step_time": ("cyclegan_speed", 3, "training step vs PyTorch"),
    "flow_step_time": ("flow", 4, "training step vs PyTorch"),
    "pipeline": ("speed", 2, "images/s against a bare tf.data loop"),
    "flow_time": ("flow_speed", 2, "optical flow against scikit-image"),
    "workers": ("workers_speed", 4, "training steps on one and two processes"),
    "ray_folder": ("ray_folder", 4, "500 photographs on Ray, one kill"),
    "folder_costs": ("folder_costs", 2, "ten million photographs, simulated"),
    "import_time": ("speed", 1, "import of keras_synth after TensorFlow"),
}

# name: (module, minutes, what it makes). These write no row.
TOOLS = {
    "presets": ("presets", 600, "trains the presets for photographs"),
    "degradation_image": ("degradation_image", 1, "figure of degradations"),
    "restoration_image": ("restoration_image", 1, "figure of restoration"),
    "upscaled_image": ("upscaled_image", 1, "figure of upscaling"),
    "translated_image": ("translated_image", 40, "photographs as paintings"),
    "tables": ("tables", 0, "writes docs/benchmarks.md from all rows"),
}


def main(argv):
    """Runs the benchmark named, or lists all."""
    everything = BENCHMARKS | TOOLS
    if len(argv) != 1 or argv[0] not in everything:
        print("make benchmark NAME=...\n")
        for name, (_, minutes, what) in everything.items():
            print(f"  {name:26}{minutes:>3} min  {what}")
        return 2 if argv else 0
    (name,) = argv
    module = importlib.import_module(f"benchmarks.{everything[name][0]}")
    module.run(name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
