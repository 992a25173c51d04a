"""FashionMNIST: what its files are, where they come from, how they become arrays.

Xiao, Rasul and Vollgraf 2017, arXiv:1708.07747; MIT licence; see DATA.md.
"""

from actgrid.data import idx

CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip

# raw file -> sha256 of its unpacked content
FILES = ({
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
},)  # fmt: skip

# tried in this order after the files under data/raw; each is (origin, its arguments)
SOURCES = (
    ("torchvision", "FashionMNIST"),
    ("openml", "40996", "images", "60000"),  # data set number, form, rows that are training
    ("installed", "/usr/share/datasets/fashion-mnist"),
    ("debian", "dataset-fashion-mnist", "usr/share/datasets/fashion-mnist"),
)

arrays = idx.mnist_arrays
