//! Metrics against values that scikit-learn 1.9 and numpy 2.4 gave for the same rows.

use super::*;

const LABELS: [u8; 45] = [
    0, 1, 1, 0, 0, 1, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0, 1, 0, 1, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0,
    1, 0, 0, 1, 1, 1, 1,
];
const PREDICTED: [f64; 45] = [
    0.59, 0.86, 0.77, 0.23, 0.32, 0.86, 0.05, 0.77, 0.77, 0.5, 0.32, 0.32, 0.32, 0.41, 0.5, 0.59, 0.95, 0.77, 0.59,
    0.95, 0.23, 0.23, 0.59, 0.05, 0.05, 0.5, 0.5, 0.86, 0.59, 0.5, 0.5, 0.23, 0.05, 0.23, 0.68, 0.23, 0.41, 0.05, 0.77,
    0.23, 0.32, 0.86, 0.5, 0.77, 0.59,
];
const WEIGHTS: [u8; 45] = [
    2, 0, 3, 3, 2, 1, 3, 2, 1, 1, 1, 3, 0, 0, 2, 1, 3, 0, 3, 0, 1, 3, 0, 2, 2, 1, 0, 2, 1, 3, 2, 1, 0, 2, 1, 2, 3, 1,
    3, 2, 2, 3, 3, 3, 3,
];

#[track_caller]
fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-12, "found {found}, expected {expected}");
}

#[test]
fn row_metrics_agree_with_scikit_learn_with_and_without_weights() {
    let labels = LABELS.map(f64::from);
    let weights = WEIGHTS.map(f64::from);
    let check = |metric: RowMetric, plain: f64, weighted: f64| {
        close(metric(&labels, &PREDICTED, None), plain);
        close(metric(&labels, &PREDICTED, Some(&weights)), weighted);
    };
    check(auc, 0.8795546558704453, 0.9103967168262654);
    check(pr_auc, 0.793070272294649, 0.8417801969272558);
    check(logloss, 0.4581427276753862, 0.42536123155482747);
    check(normalised_entropy, 0.6727508135745641, 0.6197884183262645);
    check(rmse, 0.3844996749023333, 0.36302123296635913);
    check(mae, 0.328, 0.31298701298701304);
}

#[test]
fn calibration_error_cuts_rows_into_parts_of_equal_size() {
    let labels = LABELS.map(f64::from);
    close(ece(&labels, &PREDICTED, 20), 0.22044444444444447);
    close(ece(&labels, &PREDICTED, 7), 0.08666666666666668);
    let sizes: Vec<usize> = reliability(&labels, &PREDICTED, 7).iter().map(|b| b.n).collect();
    assert_eq!(sizes, [6, 6, 7, 6, 7, 6, 7]);
    assert_eq!(reliability(&labels[..3], &PREDICTED[..3], 20).len(), 3);
}

#[test]
fn a_list_with_grades_is_measured_as_numpy_does() {
    let check = |grades: &[f64], k, gain, normalised, precision, precision_of_4| {
        close(dcg(grades, k), gain);
        close(ndcg(grades, k, None), normalised);
        close(average_precision(grades, None), precision);
        close(average_precision(grades, Some(4)), precision_of_4);
    };
    let (a, b) = ([3., 2., 3., 0., 1., 2.], [2., 0., 0., 0., 1., 0., 0., 4.]);
    check(&a, 3, 12.392789260714373, 0.9594535145926796, 0.9266666666666665, 1.1583333333333332);
    check(&a, 10, 13.848263629272981, 0.9488107485678985, 0.9266666666666665, 1.1583333333333332);
    check(&b, 3, 3.0, 0.17248527277773623, 0.5916666666666667, 0.44375);
    check(&b, 10, 8.118825959020473, 0.46679263672553745, 0.5916666666666667, 0.44375);
    check(&[0., 0., 1.], 3, 0.5, 0.5, 0.3333333333333333, 0.08333333333333333);
    close(ndcg(&[1., 0., 2.], 10, Some(&[3., 2., 1., 0., 2.])), 0.23097961797600994);
}

#[test]
fn one_relevant_item_is_measured_by_its_rank() {
    let ranks = [Some(1), Some(2), Some(3), Some(10), Some(11), Some(100), Some(200), Some(201), None];
    let columns = single_relevant(&ranks);
    let check = |name: &str, expected: [f64; 9]| {
        let (_, values) = columns.iter().find(|(n, _)| n == name).expect("the metric is there");
        assert_eq!(values, &expected.map(|v| v as f32), "{name}");
    };
    check("recall@10", [1., 1., 1., 1., 0., 0., 0., 0., 0.]);
    check("recall@20", [1., 1., 1., 1., 1., 0., 0., 0., 0.]);
    check("recall@100", [1., 1., 1., 1., 1., 1., 0., 0., 0.]);
    check("recall@200", [1., 1., 1., 1., 1., 1., 1., 0., 0.]);
    check("ndcg@10", [1., 0.6309297535714575, 0.5, 0.2890648263178879, 0., 0., 0., 0., 0.]);
    check("mrr@10", [1., 0.5, 0.3333333333333333, 0.1, 0., 0., 0., 0., 0.]);
    close(ndcg_at(Some(2), 10), ndcg(&[0., 1., 0.], 10, None));
}

#[test]
fn what_has_no_value_is_not_a_number() {
    assert!(ndcg(&[0., 0.], 10, None).is_nan());
    assert!(average_precision(&[0., 0.], None).is_nan());
    assert!(auc(&[1., 1.], &[0.2, 0.3], None).is_nan());
    assert!(pr_auc(&[0., 0.], &[0.2, 0.3], None).is_nan());
    assert!(logloss(&[], &[], None).is_nan());
}
