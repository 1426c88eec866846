"""Models for images as they were published, with weights that were trained on ImageNet."""

from kfront.core.lazy import lazy_namespace, names

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__,
    {
        **names(".convnext", "ConvNeXtBase ConvNeXtLarge ConvNeXtSmall ConvNeXtTiny ConvNeXtXLarge"),
        **names(".densenet", "DenseNet121 DenseNet169 DenseNet201"),
        **names(".efficientnet", "EfficientNetB0 EfficientNetB1 EfficientNetB2 EfficientNetB3 EfficientNetB4"),
        **names(".efficientnet", "EfficientNetB5 EfficientNetB6 EfficientNetB7"),
        **names(".efficientnet_v2", "EfficientNetV2B0 EfficientNetV2B1 EfficientNetV2B2 EfficientNetV2B3"),
        **names(".efficientnet_v2", "EfficientNetV2L EfficientNetV2M EfficientNetV2S"),
        "InceptionResNetV2": ".inception_resnet_v2",
        "InceptionV3": ".inception_v3",
        "MobileNet": ".mobilenet",
        "MobileNetV2": ".mobilenet_v2",
        **names(".mobilenet_v3", "MobileNetV3Large MobileNetV3Small"),
        **names(".nasnet", "NASNetLarge NASNetMobile"),
        **names(".resnet", "ResNet50 ResNet101 ResNet152"),
        **names(".resnet_v2", "ResNet50V2 ResNet101V2 ResNet152V2"),
        "VGG16": ".vgg16",
        "VGG19": ".vgg19",
        "Xception": ".xception",
    },
    submodules="convnext densenet efficientnet efficientnet_v2 imagenet_utils inception_resnet_v2 inception_v3 "
    "mobilenet mobilenet_v2 mobilenet_v3 nasnet resnet resnet50 resnet_v2 vgg16 vgg19 xception",
)
