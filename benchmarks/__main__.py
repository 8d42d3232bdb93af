"""`python -m benchmarks [NAME]`: lists the benchmarks, or runs one."""

import importlib
import sys

# name: (module, expected minutes on two cores, what it measures)
BENCHMARKS = {
    "vae": ("likelihood", 20, "test NLL of a VAE on MNIST"),
    "iwae": ("likelihood", 40, "the same, importance-weighted bound"),
    "vae_dense": ("likelihood", 8, "the VAE with fully connected networks"),
    "iwae_dense": ("likelihood", 15, "the same, importance-weighted bound"),
    "vae_5000": ("likelihood", 5, "the VAE's with 5,000 samples"),
    "step_time": ("speed", 2, "fit's step against a bare compiled loop"),
    "gan_step_time": ("speed", 2, "the same for a GAN"),
    "pipeline": ("speed", 2, "images/s against a bare tf.data loop"),
    "import_time": ("speed", 1, "import keras_synth beyond TensorFlow"),
    "demo": ("demo", 5, "the demo's digits under a digit classifier"),
    "floor": ("gan", 1, "Frechet distance of MNIST's test digits"),
    "gray_vae": ("gan", 10, "the same of a VAE's samples"),
    "dcgan": ("gan", 50, "the same of a DCGAN's, with classifier's logit"),
    "dcgan_conditional": ("gan", 13, "the same, class-conditional"),
    "floor_fashion": ("gan", 1, "as `floor`, for Fashion-MNIST"),
    "gray_vae_fashion": ("gan", 10, "as `gray_vae`, for Fashion-MNIST"),
    "dcgan_fashion": ("gan", 13, "as `dcgan_conditional`, Fashion-MNIST"),
    "fashion_non_saturating": ("gan", 3, "short: non-saturating and R1"),
    "fashion_hinge": ("gan", 3, "short: hinge and spectral norms"),
    "fashion_wasserstein": ("gan", 6, "short: Wasserstein and its penalty"),
    "stylegan2": ("stylegan2", 60, "StyleGAN2 on clothes at 32x32"),
    "stylegan2_quarter": ("stylegan2", 15, "the same, a quarter as long"),
    "stylegan2_no_r1": ("stylegan2", 15, "... without R1"),
    "stylegan2_no_path_length": ("stylegan2", 15, "... without path length"),
    "stylegan2_no_mixing": ("stylegan2", 15, "... without style mixing"),
    "stylegan2_step_time": ("stylegan2_speed", 8, "training step vs PyTorch"),
    "dcgan_equal": ("stylegan2", 5, "a DCGAN on as many at 32x32"),
    "stylegan2_faces_floor": ("stylegan2_faces", 1, "other people's faces"),
    "stylegan2_faces": ("stylegan2_faces", 40, "StyleGAN2 on 300 faces"),
    "stylegan2_faces_diff": ("stylegan2_faces", 40, "with DiffAugment"),
    "stylegan2_faces_adaptive": (
        "stylegan2_faces",
        50,
        "with adaptive augmentation",
    ),
    "degradation_image": (
        "degradation_image",
        1,
        "the README's degraded images",
    ),
    "restoration_image": (
        "restoration_image",
        1,
        "the README's restored images",
    ),
    "denoiser": ("denoiser", 100, "dB of the denoiser that ships"),
    "salt_and_pepper": ("denoiser", 15, "dB above the best median filter"),
    "color_denoising": ("denoiser", 8, "dB of `restore` on color"),
    "bm3d": ("bm3d", 12, "dB against the authors' binary"),
    "bm3d_time": ("bm3d", 3, "seconds against the authors' binary"),
    "denoiser_step_time": ("denoiser_speed", 4, "training step vs PyTorch"),
    "blind_faces": (
        "blind_restoration",
        20,
        "five kinds of degradation in faces",
    ),
    "blind_digits": ("blind_restoration", 12, "the same in digits"),
    "inpainting": (
        "inpainting",
        60,
        "holes in faces, with and without a judge",
    ),
    "super_resolution": ("super_resolution", 70, "dB of x4 upscaling"),
    "super_resolution_gan": (
        "super_resolution_gan",
        25,
        "the same for looks, against a judge",
    ),
    "upscaled_image": (
        "upscaled_image",
        1,
        "the README's upscaled image",
    ),
    "style_transfer": ("style_transfer", 25, "300 steps at 512x512"),
    "style_step_time": ("style_transfer", 3, "a step against a bare loop"),
    "adain": ("style_transfer", 40, "style in one pass against 300 steps"),
    "video_x3": ("video", 40, "dB of video upscaled 3 times"),
    "video_x4": ("video", 40, "the same, 4 times"),
    "flow_time": ("flow_speed", 2, "optical flow against scikit-image"),
    "table": ("rows", 0, "writes the README's tables from all rows"),
}


def main(argv):
    """Runs the benchmark named, or lists all."""
    if len(argv) != 1 or argv[0] not in BENCHMARKS:
        print("make benchmark NAME=...\n")
        for name, (_, minutes, what) in BENCHMARKS.items():
            print(f"  {name:24}{minutes:>3} min  {what}")
        return 2 if argv and argv[0] not in BENCHMARKS else 0
    (name,) = argv
    module = importlib.import_module(f"benchmarks.{BENCHMARKS[name][0]}")
    module.write_tables() if name == "table" else module.run(name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
