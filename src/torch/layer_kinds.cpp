/*
 * layer_kinds: the table of layers. Arguments, defaults and formulas are those of torch.nn. No state.
 */
#include "layer.h"

namespace mirai_torch {

namespace {

/* "{name}" in a template becomes the argument's literal. */
std::string fill_in(const char *form, const Arguments &arguments)
{
    std::string result;
    for (const char *c = form; *c; c++) {
        if (*c != '{') {
            result += *c;
            continue;
        }
        std::string name;
        for (c++; *c != '}'; c++) name += *c;
        result += arguments.literal(name.c_str());
    }
    return result;
}

void set_forward(Layer &layer, const std::string &expression, const char *before = "")
{
    layer.source = std::string("def forward(self, input: Tensor) -> Tensor:\n") + before + "    return " +
                   expression + "\n" + "def __call__(self, input: Tensor) -> Tensor:\n" +
                   "    return self.forward(input)\n";
}

void add_tensor(Layer &layer, const char *name, std::vector<int64_t> sizes, Fill fill, bool is_buffer = false,
                int64_t skip = -1)
{
    layer.tensors.push_back({name, std::move(sizes), fill, is_buffer, skip});
}

/* A layer without tensors. */
template <const char *const &form> void build_plain(const Arguments &arguments, Layer &layer)
{
    set_forward(layer, fill_in(form, arguments));
}

void build_linear(const Arguments &arguments, Layer &layer)
{
    arguments.at_least("in_features", 1);
    arguments.at_least("out_features", 1);
    int64_t in = arguments.integer("in_features"), out = arguments.integer("out_features");
    add_tensor(layer, "weight", {out, in}, Fill::kaiming_uniform);
    if (arguments.flag("bias")) add_tensor(layer, "bias", {out}, Fill::fan_in_uniform);
    set_forward(layer, std::string("torch.linear(input, self.weight, ") +
                           (arguments.flag("bias") ? "self.bias)" : "None)"));
}

/* What convolutions have in common: checks, weight and bias; returns how TorchScript names the bias. */
const char *add_convolution(const Arguments &arguments, Layer &layer, bool is_transposed)
{
    for (const char *name : {"in_channels", "out_channels", "kernel_size", "stride", "dilation", "groups"})
        arguments.at_least(name, 1);
    arguments.at_least("padding", 0);
    int64_t in = arguments.integer("in_channels"), out = arguments.integer("out_channels");
    int64_t groups = arguments.integer("groups");
    if (in % groups != 0 || out % groups != 0)
        arguments.error("groups do not divide in_channels and out_channels");
    std::vector<int64_t> sizes = {is_transposed ? in : out, (is_transposed ? out : in) / groups};
    for (int64_t size : arguments.integers("kernel_size")) sizes.push_back(size);
    add_tensor(layer, "weight", sizes, Fill::kaiming_uniform);
    if (!arguments.flag("bias")) return "None";
    add_tensor(layer, "bias", {out}, Fill::fan_in_uniform);
    return "self.bias";
}

void build_conv1d(const Arguments &arguments, Layer &layer)
{
    std::string bias = add_convolution(arguments, layer, false);
    set_forward(layer, "torch.conv1d(input, self.weight, " + bias +
                           fill_in(", {stride}, {padding}, {dilation}, {groups})", arguments));
}

void build_conv2d(const Arguments &arguments, Layer &layer)
{
    std::string bias = add_convolution(arguments, layer, false);
    set_forward(layer, "torch.conv2d(input, self.weight, " + bias +
                           fill_in(", {stride}, {padding}, {dilation}, {groups})", arguments));
}

void build_conv_transpose2d(const Arguments &arguments, Layer &layer)
{
    arguments.at_least("output_padding", 0);
    std::string bias = add_convolution(arguments, layer, true);
    set_forward(layer, "torch.conv_transpose2d(input, self.weight, " + bias +
                           fill_in(", {stride}, {padding}, {output_padding}, {groups}, {dilation})", arguments));
}

void build_batch_norm(const Arguments &arguments, Layer &layer)
{
    arguments.at_least("num_features", 1);
    int64_t features = arguments.integer("num_features");
    bool is_affine = arguments.flag("affine"), is_tracking = arguments.flag("track_running_stats");
    if (is_affine) {
        add_tensor(layer, "weight", {features}, Fill::ones);
        add_tensor(layer, "bias", {features}, Fill::zeros);
    }
    if (is_tracking) {
        add_tensor(layer, "running_mean", {features}, Fill::zeros, true);
        add_tensor(layer, "running_var", {features}, Fill::ones, true);
        add_tensor(layer, "num_batches_tracked", {}, Fill::counter, true);
    }
    std::string expression = "torch.batch_norm(input, ";
    expression += is_affine ? "self.weight, self.bias, " : "None, None, ";
    expression += is_tracking ? "self.running_mean, self.running_var, self.training, " : "None, None, True, ";
    set_forward(layer, expression + fill_in("{momentum}, {eps}, False)", arguments),
                is_tracking ? "    if self.training:\n        self.num_batches_tracked.add_(1)\n" : "");
}

void build_batch_norm1d(const Arguments &arguments, Layer &layer)
{
    build_batch_norm(arguments, layer);
}

void build_layer_norm(const Arguments &arguments, Layer &layer)
{
    arguments.at_least("normalized_shape", 1);
    std::vector<int64_t> sizes = arguments.integers("normalized_shape");
    bool is_affine = arguments.flag("elementwise_affine");
    if (is_affine) {
        add_tensor(layer, "weight", sizes, Fill::ones);
        add_tensor(layer, "bias", sizes, Fill::zeros);
    }
    set_forward(layer, fill_in("torch.layer_norm(input, {normalized_shape}, ", arguments) +
                           (is_affine ? "self.weight, self.bias, " : "None, None, ") +
                           fill_in("{eps}, False)", arguments));
}

void build_embedding(const Arguments &arguments, Layer &layer)
{
    arguments.at_least("num_embeddings", 1);
    arguments.at_least("embedding_dim", 1);
    int64_t rows = arguments.integer("num_embeddings"), skip = -1;
    if (!arguments.is_none("padding_idx")) {
        skip = arguments.integer("padding_idx");
        if (skip < -rows || skip >= rows) arguments.error("padding_idx is outside the embeddings");
        if (skip < 0) skip += rows;
    }
    add_tensor(layer, "weight", {rows, arguments.integer("embedding_dim")}, Fill::normal, false, skip);
    set_forward(layer, "torch.embedding(self.weight, input, " + std::to_string(skip) + ", False, False)");
}

void build_dropout(const Arguments &arguments, Layer &layer)
{
    double p = arguments.number("p");
    if (!(p >= 0 && p <= 1)) arguments.error("p is %g, but should be between 0 and 1", p);
    set_forward(layer, fill_in("torch.dropout(input, {p}, self.training)", arguments));
}

void build_pool(const Arguments &arguments, Layer &layer, const char *form)
{
    arguments.at_least("kernel_size", 1);
    if (!arguments.is_none("stride")) arguments.at_least("stride", 1);
    arguments.at_least("padding", 0);
    std::string text = fill_in(form, arguments);
    size_t none = text.find("None"); /* the default stride is the kernel's size */
    if (none != std::string::npos) text.replace(none, 4, arguments.literal("kernel_size"));
    set_forward(layer, text);
}

void build_max_pool2d(const Arguments &arguments, Layer &layer)
{
    arguments.at_least("dilation", 1);
    build_pool(arguments, layer,
               "torch.max_pool2d(input, {kernel_size}, {stride}, {padding}, {dilation}, {ceil_mode})");
}

void build_avg_pool2d(const Arguments &arguments, Layer &layer)
{
    build_pool(arguments, layer,
               "torch.avg_pool2d(input, {kernel_size}, {stride}, {padding}, {ceil_mode}, "
               "{count_include_pad})");
}

void build_gelu(const Arguments &arguments, Layer &layer)
{
    const std::string &how = arguments.text("approximate");
    if (how != "none" && how != "tanh") arguments.error("approximate should be 'none' or 'tanh'");
    set_forward(layer, "torch.gelu(input, approximate='" + how + "')");
}

const char *const flatten_form = "torch.flatten(input, {start_dim}, {end_dim})";
const char *const relu_form = "torch.relu(input)";
const char *const sigmoid_form = "torch.sigmoid(input)";
const char *const tanh_form = "torch.tanh(input)";
const char *const softmax_form = "torch.softmax(input, {dim})";
const char *const log_softmax_form = "torch.log_softmax(input, {dim})";
const char *const identity_form = "input";

const LayerKind kinds[] = {
    {"Linear", "nn_linear", "in_features:int, out_features:int, bias:bool=True", build_linear},
    {"Conv1d", "nn_conv1d",
     "in_channels:int, out_channels:int, kernel_size:int1, stride:int1=1, padding:int1=0, dilation:int1=1, "
     "groups:int=1, bias:bool=True",
     build_conv1d},
    {"Conv2d", "nn_conv2d",
     "in_channels:int, out_channels:int, kernel_size:int2, stride:int2=1, padding:int2=0, dilation:int2=1, "
     "groups:int=1, bias:bool=True",
     build_conv2d},
    {"ConvTranspose2d", "nn_conv_transpose2d",
     "in_channels:int, out_channels:int, kernel_size:int2, stride:int2=1, padding:int2=0, "
     "output_padding:int2=0, groups:int=1, bias:bool=True, dilation:int2=1",
     build_conv_transpose2d},
    {"BatchNorm1d", "nn_batch_norm1d",
     "num_features:int, eps:float=1e-5, momentum:float=0.1, affine:bool=True, track_running_stats:bool=True",
     build_batch_norm1d},
    {"BatchNorm2d", "nn_batch_norm2d",
     "num_features:int, eps:float=1e-5, momentum:float=0.1, affine:bool=True, track_running_stats:bool=True",
     build_batch_norm},
    {"LayerNorm", "nn_layer_norm", "normalized_shape:ints, eps:float=1e-5, elementwise_affine:bool=True",
     build_layer_norm},
    {"Embedding", "nn_embedding", "num_embeddings:int, embedding_dim:int, padding_idx:int?=None",
     build_embedding},
    {"Dropout", "nn_dropout", "p:float=0.5", build_dropout},
    {"MaxPool2d", "nn_max_pool2d",
     "kernel_size:int2, stride:int2?=None, padding:int2=0, dilation:int2=1, ceil_mode:bool=False",
     build_max_pool2d},
    {"AvgPool2d", "nn_avg_pool2d",
     "kernel_size:int2, stride:int2?=None, padding:int2=0, ceil_mode:bool=False, count_include_pad:bool=True",
     build_avg_pool2d},
    {"Flatten", "nn_flatten", "start_dim:int=1, end_dim:int=-1", build_plain<flatten_form>},
    {"ReLU", "nn_relu", "", build_plain<relu_form>},
    {"Sigmoid", "nn_sigmoid", "", build_plain<sigmoid_form>},
    {"Tanh", "nn_tanh", "", build_plain<tanh_form>},
    {"GELU", "nn_gelu", "approximate:str='none'", build_gelu},
    {"Softmax", "nn_softmax", "dim:int", build_plain<softmax_form>},
    {"LogSoftmax", "nn_log_softmax", "dim:int", build_plain<log_softmax_form>},
    {"Identity", "nn_identity", "", build_plain<identity_form>},
};

} // namespace

const LayerKind *find_layer_kind(const std::string &name)
{
    for (const LayerKind &kind : kinds)
        if (name == kind.name) return &kind;
    return nullptr;
}

std::string layer_kind_names()
{
    std::string names;
    for (const LayerKind &kind : kinds) names += (names.empty() ? "" : ", ") + std::string(kind.name);
    return names;
}

} // namespace mirai_torch
