"""Installs the packages; pyproject.toml holds the settings of the tools."""

import pathlib
import re

import setuptools

ROOT = pathlib.Path(__file__).parent
VERSION = re.search(r'VERSION = "(.+)"', (ROOT / "tfrecords" / "version.py").read_text())[1]

setuptools.setup(
    name="deepfake-trainer",
    version=VERSION,
    description="Leak-free TFRecords from deepfake image sets, and a trainer to go with them",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11,<3.14",
    packages=setuptools.find_packages(
        include=["tfrecords*", "data_pipeline*", "trainer*", "launch*"]
    ),
    package_data={
        "tfrecords": ["README.md"],
        "data_pipeline.reporting": ["*.html"],
        "trainer.reporting": ["*.html"],
        "launch": ["*.sh", "*.lock", "recipes/*.flags"],
        "launch.flink": ["*.lock", "*.xml", "*.md"],
        "launch.spark": ["*.lock", "*.xml"],
    },
    install_requires=[
        "absl-py>=2.3",
        "apache-beam>=2.76",
        "av>=18.1,<19",  # FFmpeg: shrinks pictures, decodes videos; alike on every processor
        "google-crc32c>=1.7",
        "grpcio>=1.67",  # Beam speaks it; asks whether a job server answers
        "h5py>=3.14",
        "jinja2>=3.1.6",  # the reports; escapes file names that a stranger chose
        "keras>=3.15.1,<4",
        "matplotlib>=3.10",  # the pictures of the reports
        "numpy>=2",
        "pillow>=12.3,<13",
        "scikit-learn>=1.7",  # evaluation metrics
        "scipy>=1.16",
        "tensorboard>=2.21",  # TensorFlow 2.21 no longer installs it
        "tensorflow>=2.21,<2.22",
        "tensorflow-datasets>=4.9.10",
        "threadpoolctl>=3.6",  # keeps the format audit to one thread, which is faster
    ],
    extras_require={
        "gpu": ["tensorflow[and-cuda]>=2.21,<2.22"],
        "faces": [  # videos, and the faces in them
            "dlib-bin>=20",
            "opencv-python-headless>=5,<6",  # runs YuNet
        ],
        "app": ["flask>=3.1"],  # the page that judges a picture
        "kaggle": ["kagglehub>=1,<2"],  # resumes downloads; knows KAGGLE_API_TOKEN since 1.0
        "test": [
            "dlib-bin>=20",  # finds the faces of the painted sample
            "hypothesis>=6.140",
            "mypy>=1.18",
            "opencv-python-headless>=5,<6",
            "pytest>=8.4",
            "pytest-xdist>=3.8",
            "ruff>=0.14",
        ],
    },
)
